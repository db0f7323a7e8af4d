import { Refused } from '../../../base/src/index.js';
import { treeOf, unifiedTree, type CgroupController, type CgroupLayout, type CgroupTree } from './layout.js';
import { deviceWrites } from './device-rules.js';
import type { CgroupResources } from './resources.js';
import * as version1 from './version1.js';
import * as version2 from './version2.js';
import { restoreLine, writesOf, type CgroupView, type CgroupWrite } from './write.js';

/**
 * The resources as writes into a container's groups, in the files of whichever cgroup version each controller has here. Device rules
 * of v2 are not among them: they are a program. Throws `Refused` for what this machine cannot keep; nothing is written yet then.
 */
export function cgroupWrites(resources: CgroupResources, view: CgroupView): CgroupWrite[] {
  const { cpu, memory, pids, blockIo, hugepages, network, rdma, unified, devices } = resources;
  const { layout } = view;
  refuseMissing(neededControllers(resources), layout);
  const withTree = <Resource>(controller: CgroupController, resource: Resource | undefined, write: (tree: CgroupTree, resource: Resource) => CgroupWrite[]) => {
    const tree = treeOf(layout, controller);
    return tree && resource !== undefined ? write(tree, resource) : [];
  };
  return [
    ...withTree('cpu', cpu, (tree, wanted) => (tree.version === 1 ? version1.cpuWrites(tree, wanted) : version2.cpuWrites(tree, wanted, view))),
    ...withTree('cpuset', cpu, (tree, { cpus, mems }) => writesOf(tree, { 'cpuset.cpus': cpus, 'cpuset.mems': mems })),
    ...withTree('memory', memory, (tree, wanted) => (tree.version === 1 ? version1 : version2).memoryWrites(tree, wanted)),
    ...withTree('pids', pids, (tree, { limit }) => writesOf(tree, { 'pids.max': limit > 0 ? limit : 'max' }).map((write) => ({ ...write, mayBeMissing: limit <= 0 }))),
    ...withTree('blkio', blockIo, (tree, wanted) => (tree.version === 1 ? version1 : version2).blockIoWrites(tree, wanted, view)),
    ...withTree('hugetlb', hugepages, (tree, wanted) => (tree.version === 1 ? version1 : version2).hugepageWrites(tree, wanted)),
    ...withTree('net_cls', network?.classId, (tree, classId) => writesOf(tree, { 'net_cls.classid': classId })),
    ...withTree('net_prio', network?.priorities, version1.networkPriorityWrites),
    ...withTree('rdma', rdma, rdmaWrites),
    ...withTree('devices', devices, (tree, rules) => (tree.version === 1 ? deviceWrites(tree, rules, view.current(tree, 'devices.list')) : [])),
    ...unifiedWrites(unified ?? {}, layout),
  ];
}

/** The controllers that these resources are about; values that only say "as it is" need none. */
export function neededControllers(resources: CgroupResources): CgroupController[] {
  const { cpu, memory, pids, blockIo, hugepages, network, rdma } = resources;
  const { cpus, mems, ...bandwidth } = cpu ?? {};
  const { checkBeforeUpdate: _, ...limits } = memory ?? {};
  const needed: [CgroupController, boolean][] = [
    ['cpu', hasValue(bandwidth)],
    ['cpuset', cpus !== undefined || mems !== undefined],
    ['memory', hasValue({ ...limits, disableOomKiller: limits.disableOomKiller || undefined })],
    ['pids', pids !== undefined && pids.limit > 0],
    ['blkio', Object.values(blockIo ?? {}).some((value) => (Array.isArray(value) ? value.length > 0 : value !== undefined))],
    ['hugetlb', (hugepages ?? []).length > 0],
    ['net_cls', network?.classId !== undefined],
    ['net_prio', (network?.priorities ?? []).length > 0],
    ['rdma', Object.keys(rdma ?? {}).length > 0],
  ];
  return needed.flatMap(([controller, isNeeded]) => (isNeeded ? [controller] : []));
}

function hasValue(values: object): boolean {
  return Object.values(values).some((value) => value !== undefined);
}

function refuseMissing(needed: readonly CgroupController[], layout: CgroupLayout): void {
  const missing = needed.filter((controller) => !treeOf(layout, controller));
  if (missing.length > 0) throw new Refused('unsupported', `this machine has no cgroup controller ${missing.join(', ')}: the limit cannot be kept`);
}

/** The same in both versions. */
function rdmaWrites(tree: CgroupTree, rdma: NonNullable<CgroupResources['rdma']>): CgroupWrite[] {
  return Object.entries(rdma).map(([device, { handles, objects }]) => {
    const parts = [...(handles === undefined ? [] : [`hca_handle=${handles}`]), ...(objects === undefined ? [] : [`hca_object=${objects}`])];
    return { tree, file: 'rdma.max', value: `${device} ${parts.join(' ')}`, restore: restoreLine(device, 'hca_handle=max hca_object=max') };
  });
}

/** What the user says in the kernel's own words. A name is a file of the group, nothing else. */
function unifiedWrites(files: Record<string, string>, layout: CgroupLayout): CgroupWrite[] {
  return Object.entries(files).map(([file, value]) => {
    if (!/^[a-z0-9_]+(\.[A-Za-z0-9_]+)+$/.test(file)) throw new Refused('invalid', `"${file}" is no name of a cgroup file`);
    const controller = file.slice(0, file.indexOf('.'));
    const tree = unifiedTree(layout);
    if (!tree || (controller !== 'cgroup' && !tree.controllers.includes(controller))) {
      throw new Refused('unsupported', `invalid configuration: ${file}: the controller ${controller} is not one of cgroup v2 on this machine`);
    }
    return { tree, file, value };
  });
}
