import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isErrno, Refused, Temporary, type Clock } from '../../../base/src/index.js';
import type { ResourceLimits } from '../../../model/src/index.js';
import { treeOf, unifiedTree, type CgroupLayout, type CgroupTree } from './layout.js';
import { readCgroupStats, type CgroupCounts } from './stats.js';
import { cgroupWrites, checkLimits, optionalFiles } from './writes.js';
import type { CgroupPlacement } from '../container-config.js';
import { compileDeviceFilter } from './device-filter.js';
import { deviceRules } from './device-rules.js';
import { readText } from './files.js';
import { freeze, freezerTree, isFrozen, thaw } from './freezer.js';

const v2Controllers = ['cpu', 'memory', 'pids'];
const removalPatienceMs = 5000;
const removalPollMs = 2;

/** The groups of all containers of one agent: `<hierarchy>/<parent>/<container id>` in every mounted hierarchy. */
export class Cgroups {
  readonly #prepared = new Set<string>();

  constructor(
    readonly layout: CgroupLayout,
    readonly parent: string,
    readonly clock: Clock,
  ) {}

  /** Makes the groups and writes their limits: nothing runs in them yet. */
  create(id: string, limits: ResourceLimits): CgroupPlacement {
    checkLimits(limits, this.layout);
    for (const tree of this.layout.trees) {
      this.#prepareParent(tree);
      mkdirSync(this.#group(tree, id));
      if (tree.controllers.includes('cpuset') && tree.version === 1) inheritCpuset(this.#group(tree, id));
    }
    for (const { tree, file, value } of cgroupWrites(limits, this.layout)) writeLimit(join(this.#group(tree, id), file), value);
    return this.#placement(id);
  }

  #placement(id: string): CgroupPlacement {
    const memory = treeOf(this.layout, 'memory');
    const devices = treeOf(this.layout, 'devices');
    return {
      procsFiles: this.procsFiles(id),
      oomCounterFile: memory ? join(this.#group(memory, id), memory.version === 2 ? 'memory.events' : 'memory.oom_control') : '',
      ...(devices?.version === 2 ? { deviceFilter: { directory: this.#group(devices, id), program: compileDeviceFilter(deviceRules) } } : {}),
    };
  }

  procsFiles(id: string): string[] {
    return this.layout.trees.map((tree) => join(this.#group(tree, id), 'cgroup.procs'));
  }

  /** Kills all that is in the groups and removes them. Idempotent. */
  async remove(id: string): Promise<void> {
    const deadlineMs = this.clock.monotonicMs() + removalPatienceMs;
    for (;;) {
      this.kill(id);
      const left = this.layout.trees.map((tree) => this.#group(tree, id)).filter((group) => !removeGroup(group));
      if (left.length === 0) return;
      if (this.clock.monotonicMs() > deadlineMs) throw new Temporary(`cannot remove the cgroup ${left[0]}: processes in it do not end`);
      await this.clock.sleep(removalPollMs);
    }
  }

  /** SIGKILL to every process of the container, in one stroke where the kernel can. */
  kill(id: string): void {
    const unified = unifiedTree(this.layout);
    if (unified && tryWrite(join(this.#group(unified, id), 'cgroup.kill'), '1')) return;
    for (const pid of this.pids(id)) killProcess(pid);
  }

  pids(id: string): number[] {
    const files = this.procsFiles(id).filter(existsSync);
    return [...new Set(files.flatMap((file) => readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number)))];
  }

  /** Removes the empty parents: an agent that leaves with its containers leaves nothing. Parents in use stay. */
  close(): void {
    for (const tree of this.layout.trees) {
      for (let path = join('/', this.parent); path !== '/'; path = dirname(path)) if (!removeGroup(join(tree.mountPoint, path))) break;
    }
    this.#prepared.clear();
  }

  stats(id: string): CgroupCounts {
    return readCgroupStats(this.layout, (tree) => this.#group(tree, id));
  }

  /** Writes the given limits into the groups of a container that stands. */
  update(id: string, limits: ResourceLimits): void {
    checkLimits(limits, this.layout);
    for (const { tree, file, value } of cgroupWrites(limits, this.layout)) if (!file.startsWith('devices.')) writeLimit(join(this.#group(tree, id), file), value);
  }

  /** Stops all processes of the container. Throws `Temporary` when one does not stop in time. */
  async freeze(id: string): Promise<void> {
    const tree = freezerTree(this.layout);
    if (!tree) throw new Refused('unsupported', 'this machine has no cgroup freezer: containers cannot be paused');
    await freeze(tree, this.#group(tree, id), this.clock);
  }

  thaw(id: string): void {
    const tree = freezerTree(this.layout);
    if (tree) thaw(tree, this.#group(tree, id));
  }

  isFrozen(id: string): boolean {
    const tree = freezerTree(this.layout);
    return tree !== undefined && isFrozen(tree, this.#group(tree, id));
  }

  #group(tree: CgroupTree, id: string): string {
    return join(tree.mountPoint, this.parent, id);
  }

  #prepareParent(tree: CgroupTree): void {
    if (this.#prepared.has(tree.mountPoint)) return;
    const parts = this.parent.split('/').filter(Boolean);
    let group = tree.mountPoint;
    if (tree.version === 2) enableControllers(group, tree);
    for (const part of parts) {
      group = join(group, part);
      mkdirSync(group, { recursive: true });
      if (tree.version === 2) enableControllers(group, tree);
      if (tree.version === 1 && tree.controllers.includes('cpuset')) inheritCpuset(group);
    }
    this.#prepared.add(tree.mountPoint);
  }
}

function enableControllers(group: string, tree: CgroupTree): void {
  const wanted = v2Controllers.filter((controller) => tree.controllers.includes(controller));
  const file = join(group, 'cgroup.subtree_control');
  const missing = wanted.filter((controller) => !readFileSync(file, 'utf8').split(/\s+/).includes(controller));
  if (missing.length === 0) return;
  try {
    writeFileSync(file, missing.map((controller) => `+${controller}`).join(' '));
  } catch (error) {
    throw new Refused('precondition', `cgroup controllers ${missing.join(', ')} are not delegated to ${group}: processes must not live in it, only in groups below`, { cause: error });
  }
}

/** A v1 cpuset takes no process before it has cpus and memory nodes. */
function inheritCpuset(group: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (readText(join(group, file)) === '') writeFileSync(join(group, file), readFileSync(join(group, '..', file), 'utf8'));
  }
}

function writeLimit(path: string, value: string): void {
  const file = path.slice(path.lastIndexOf('/') + 1);
  if (optionalFiles.has(file) && !existsSync(path)) return;
  try {
    writeFileSync(path, value);
  } catch (error) {
    throw new Refused('invalid', `the kernel refuses ${value} for ${file} (${path})`, { cause: error });
  }
}

/** True when the group is gone. */
function removeGroup(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    return isErrno(error, 'ENOENT');
  }
}

function tryWrite(path: string, value: string): boolean {
  if (!existsSync(path)) return false;
  try {
    writeFileSync(path, value);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return false;
    throw error;
  }
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}
