import { nameOf, taskNameOf, type ContainerSummary } from '../containers/containers.js';
import type { Usage } from '../containers/usage.js';
import type { Listing, Row } from '../output/listing.js';
import { humanSize } from '../output/size.js';

export interface MeasuredContainer {
  container: ContainerSummary;
  node: string;
  /** Absent: nothing was heard of it yet. */
  usage: Usage | undefined;
}

/** `docker stats`, with the node of each. */
export function usageListing(measured: readonly MeasuredContainer[]): Listing {
  return {
    headers: {
      ID: 'CONTAINER ID',
      Container: 'CONTAINER',
      Name: 'NAME',
      Node: 'NODE',
      CPUPerc: 'CPU %',
      MemUsage: 'MEM USAGE / LIMIT',
      MemPerc: 'MEM %',
      NetIO: 'NET I/O',
      BlockIO: 'BLOCK I/O',
      PIDs: 'PIDS',
    },
    table: '{{.ID}}\t{{.Name}}\t{{.Node}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}',
    rows: measured.map(usageRow),
  };
}

function usageRow({ container, node, usage }: MeasuredContainer): Row {
  const id = container.Id.slice(0, 12);
  return {
    id,
    cells: { ID: id, Container: nameOf(container), Name: taskNameOf(container), Node: node, ...(usage ? words(usage) : unknown) },
    full: { ID: container.Id, Name: taskNameOf(container), Node: node, ...(usage ?? {}) },
  };
}

const unknown = { CPUPerc: '--', MemUsage: '-- / --', MemPerc: '--', NetIO: '--', BlockIO: '--', PIDs: '--' };

function words(usage: Usage): Record<string, string> {
  const { memoryBytes, memoryLimitBytes } = usage;
  return {
    CPUPerc: `${usage.cpuPercent.toFixed(2)}%`,
    MemUsage: `${humanSize(memoryBytes, '')} / ${humanSize(memoryLimitBytes, '')}`,
    MemPerc: `${(memoryLimitBytes > 0 ? (memoryBytes / memoryLimitBytes) * 100 : 0).toFixed(2)}%`,
    NetIO: `${decimalSize(usage.receivedBytes)} / ${decimalSize(usage.sentBytes)}`,
    BlockIO: `${decimalSize(usage.readBytes)} / ${decimalSize(usage.writtenBytes)}`,
    PIDs: String(usage.processes),
  };
}

/** Traffic counts in thousands, memory in 1024s: docker's table has both. */
function decimalSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${Number(value.toPrecision(3))}${units[unit]}`;
}
