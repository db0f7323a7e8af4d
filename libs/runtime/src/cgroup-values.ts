import type { ResourceLimits } from '../../model/src/index.js';
import { treeOf, type CgroupController, type CgroupLayout, type CgroupTree } from './cgroup-layout.js';
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
export const minMemoryBytes = 6 << 20;

/** The limits of one container as writes into its fresh groups, in the order that the kernel accepts. */
export function cgroupWrites(limits: ResourceLimits, layout: CgroupLayout): CgroupWrite[] {
  return [...cpuWrites(limits.nanoCpus, layout), ...memoryWrites(limits.memoryBytes, layout), ...pidsWrites(limits.pids, layout), ...deviceWrites(layout)];
}

/** Controllers that a limit or a count needs and that this machine does not have. */
export function missingControllers(limits: ResourceLimits, layout: CgroupLayout): CgroupController[] {
  const needed: CgroupController[] = [];
  if (limits.nanoCpus) needed.push('cpu');
  if (limits.memoryBytes) needed.push('memory');
  if (limits.pids && limits.pids > 0) needed.push('pids');
  return needed.filter((controller) => !treeOf(layout, controller));
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
