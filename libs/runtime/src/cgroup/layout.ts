/** One mounted cgroup hierarchy. */
export interface CgroupTree {
  version: 1 | 2;
  mountPoint: string;
  /** Of v1: what is attached to it. Of v2: what its root offers. */
  controllers: string[];
  /** Of v1 without controllers: `name=`. */
  name?: string;
}

export interface CgroupLayout {
  trees: CgroupTree[];
}

/** By the names of v1; those of v2 differ for a few. */
export type CgroupController = 'cpu' | 'cpuacct' | 'cpuset' | 'memory' | 'pids' | 'devices' | 'freezer' | 'blkio' | 'hugetlb' | 'net_cls' | 'net_prio' | 'rdma';

/** Only names that the kernel lists as v1 options of a mount are controllers. */
const v1Controllers = new Set([
  'blkio', 'cpu', 'cpuacct', 'cpuset', 'devices', 'freezer', 'hugetlb', 'memory', 'net_cls', 'net_prio', 'perf_event', 'pids', 'rdma', 'misc',
]);

/**
 * What the machine has, by looking at /proc/self/mountinfo. Later mounts at one place hide earlier ones.
 * `v2Controllers` reads `cgroup.controllers` of a v2 mount.
 */
export function parseCgroupLayout(mountinfo: string, v2Controllers: (mountPoint: string) => string[]): CgroupLayout {
  const byMountPoint = new Map<string, CgroupTree>();
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const mountPoint = before?.split(' ')[4];
    const [type, , superOptions] = after?.split(' ') ?? [];
    if (!mountPoint || !superOptions) continue;
    const path = unescapePath(mountPoint);
    if (type === 'cgroup2') byMountPoint.set(path, { version: 2, mountPoint: path, controllers: v2Controllers(path) });
    else if (type === 'cgroup') byMountPoint.set(path, v1Tree(path, superOptions.split(',')));
  }
  return { trees: withoutDoubles([...byMountPoint.values()]) };
}

function v1Tree(mountPoint: string, options: string[]): CgroupTree {
  const name = options.find((option) => option.startsWith('name='))?.slice('name='.length);
  const controllers = options.filter((option) => v1Controllers.has(option));
  return { version: 1, mountPoint, controllers, ...(name === undefined ? {} : { name }) };
}

/** The same hierarchy mounted twice counts once. */
function withoutDoubles(trees: CgroupTree[]): CgroupTree[] {
  const key = (tree: CgroupTree) => (tree.version === 2 ? 'v2' : `${tree.controllers.join(',')}/${tree.name ?? ''}`);
  return [...new Map(trees.map((tree) => [key(tree), tree])).values()];
}

/** v2 has no controller of the network, and `freezer` and `devices` are part of its core: the latter is a program and needs no listing. */
const otherNames: Partial<Record<CgroupController, string>> = { cpuacct: 'cpu', blkio: 'io' };
const v2Core = new Set<CgroupController>(['devices', 'freezer']);

/** Where a controller is: a v1 hierarchy when one has it, else v2. */
export function treeOf(layout: CgroupLayout, controller: CgroupController): CgroupTree | undefined {
  const v1 = layout.trees.find((tree) => tree.version === 1 && tree.controllers.includes(controller));
  if (v1) return v1;
  return layout.trees.find((tree) => tree.version === 2 && (v2Core.has(controller) || tree.controllers.includes(v2Name(controller))));
}

export function v2Name(controller: CgroupController): string {
  return otherNames[controller] ?? controller;
}

export function unifiedTree(layout: CgroupLayout): CgroupTree | undefined {
  return layout.trees.find((tree) => tree.version === 2);
}

/** mountinfo writes blanks as octal. */
function unescapePath(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}
