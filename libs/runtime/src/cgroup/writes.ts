import { Refused } from '../../../base/src/index.js';
import type { ResourceLimits } from '../../../model/src/index.js';
import { treeOf, type CgroupController, type CgroupLayout, type CgroupTree } from './layout.js';
import { deviceRules, deviceRuleText } from './device-rules.js';

export interface CgroupWrite {
  tree: CgroupTree;
  file: string;
  value: string;
}

const periodUs = 100_000;
/** The kernel takes no shorter quota. */
const minQuotaUs = 1000;
/** Docker's: less cannot even hold the first process. */
const minMemoryBytes = 6 << 20;

/** The limits of one container as writes into its fresh groups, in the order that the kernel accepts. */
export function cgroupWrites(limits: ResourceLimits, layout: CgroupLayout): CgroupWrite[] {
  return [...cpuWrites(limits.nanoCpus, layout), ...memoryWrites(limits.memoryBytes, layout), ...pidsWrites(limits.pids, layout), ...deviceWrites(layout)];
}

/** Refuses limits that this machine cannot keep. */
export function checkLimits(limits: ResourceLimits, layout: CgroupLayout): void {
  const { nanoCpus, memoryBytes, pids } = limits;
  const needed: [CgroupController, boolean][] = [['cpu', !!nanoCpus], ['memory', !!memoryBytes], ['pids', pids !== undefined && pids > 0]];
  const missing = needed.filter(([controller, wanted]) => wanted && !treeOf(layout, controller)).map(([controller]) => controller);
  if (missing.length > 0) throw new Refused('unsupported', `this machine has no cgroup controller ${missing.join(', ')}: the limit cannot be kept`);
  if (memoryBytes && memoryBytes < minMemoryBytes) throw new Refused('invalid', `the memory limit ${memoryBytes} is too small: the minimum is 6 MiB`);
}

function cpuWrites(nanoCpus: number | undefined, layout: CgroupLayout): CgroupWrite[] {
  const tree = treeOf(layout, 'cpu');
  if (!tree || !nanoCpus) return [];
  const quotaUs = Math.max(minQuotaUs, Math.round((nanoCpus * periodUs) / 1e9));
  if (tree.version === 2) return [{ tree, file: 'cpu.max', value: `${quotaUs} ${periodUs}` }];
  return [
    { tree, file: 'cpu.cfs_period_us', value: String(periodUs) },
    { tree, file: 'cpu.cfs_quota_us', value: String(quotaUs) },
  ];
}

/** As Docker: as much swap again as memory. */
function memoryWrites(memoryBytes: number | undefined, layout: CgroupLayout): CgroupWrite[] {
  const tree = treeOf(layout, 'memory');
  if (!tree || !memoryBytes) return [];
  if (tree.version === 2) {
    return [
      { tree, file: 'memory.swap.max', value: String(memoryBytes) },
      { tree, file: 'memory.max', value: String(memoryBytes) },
    ];
  }
  return [
    { tree, file: 'memory.limit_in_bytes', value: String(memoryBytes) },
    { tree, file: 'memory.memsw.limit_in_bytes', value: String(2 * memoryBytes) },
  ];
}

function pidsWrites(pids: number | undefined, layout: CgroupLayout): CgroupWrite[] {
  const tree = treeOf(layout, 'pids');
  return tree && pids && pids > 0 ? [{ tree, file: 'pids.max', value: String(pids) }] : [];
}

function deviceWrites(layout: CgroupLayout): CgroupWrite[] {
  const tree = treeOf(layout, 'devices');
  if (tree?.version !== 1) return [];
  return [{ tree, file: 'devices.deny', value: 'a' }, ...deviceRules.map((rule) => ({ tree, file: 'devices.allow', value: deviceRuleText(rule) }))];
}

/** Files that some kernels lack (swap accounting off): their absence is no failure. */
export const optionalFiles = new Set(['memory.memsw.limit_in_bytes', 'memory.swap.max']);
