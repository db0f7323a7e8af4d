import type { PortConfig, Task } from '../../model/src/index.js';
import { portKey, type NodeInfo } from './node-info.js';

/** Dynamic host-mode ports come from the range that published ports without a number come from. */
const firstDynamicPort = 30000;
const lastDynamicPort = 32767;

/** Host-mode ports with a number for each that names none; undefined: the node has no free one. */
export function choosePorts(task: Task, info: NodeInfo): PortConfig[] | undefined {
  const chosen = new Set<string>();
  const ports: PortConfig[] = [];
  for (const port of task.hostPorts) {
    const publishedPort = port.publishedPort || freePort(port, info, chosen);
    if (publishedPort === undefined) return undefined;
    chosen.add(portKey(port.protocol, publishedPort));
    ports.push({ ...port, publishedPort });
  }
  return ports;
}

function freePort(port: PortConfig, info: NodeInfo, chosen: ReadonlySet<string>): number | undefined {
  for (let candidate = firstDynamicPort; candidate <= lastDynamicPort; candidate++) {
    const key = portKey(port.protocol, candidate);
    if (!info.hasHostPort(key) && !chosen.has(key)) return candidate;
  }
  return undefined;
}
