import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { isErrno, Refused, Temporary, type Clock } from '../../../base/src/index.js';
import type { CgroupPlacement } from '../container-config.js';
import { applyAtomically, applyWrites } from './apply.js';
import { compileDeviceFilter } from './device-filter.js';
import { defaultDeviceRules } from './device-rules.js';
import { readText } from './files.js';
import { freeze, freezerTree, isFrozen, thaw } from './freezer.js';
import { treeOf, unifiedTree, v2Name, type CgroupController, type CgroupLayout, type CgroupTree } from './layout.js';
import { CgroupParents, inheritCpuset } from './parents.js';
import type { CgroupResources, DeviceRule } from './resources.js';
import { readCgroupStats, type CgroupCounts } from './stats.js';
import type { CgroupView } from './write.js';
import { cgroupWrites, neededControllers } from './writes.js';

const deviceFilterPatienceMs = 10_000;
const removalPatienceMs = 5000;
const removalPollMs = 2;

/**
 * The groups of all containers of one agent: `<hierarchy>/<parent>/<group>` in every mounted hierarchy. A group is a container's id, or a
 * path that ends with it.
 */
export class Cgroups {
  readonly #parents: CgroupParents;

  constructor(
    readonly layout: CgroupLayout,
    readonly parent: string,
    readonly clock: Clock,
    /** The built `shoal-shim`, which can change device rules of v2. */
    readonly shimPath?: string,
  ) {
    this.#parents = new CgroupParents(parent);
  }

  /**
   * Makes the groups and writes what is asked for: nothing runs in them yet. Leaves none behind when it throws.
   * `mayShare`: groups that others are in are joined, not refused.
   */
  create(group: string, resources: CgroupResources, mayShare = false): CgroupPlacement {
    checkGroup(group);
    const devices = resources.devices ?? defaultDeviceRules;
    const needed = neededControllers(resources);
    try {
      for (const tree of this.layout.trees) {
        this.#parents.prepare(tree, dirname(group), v2NamesIn(tree, needed));
        makeGroup(this.#group(tree, group), mayShare);
        // The root of a hierarchy hands nothing down, unlike the parents that we make.
        if (tree.version === 1 && tree.controllers.includes('cpuset') && dirname(this.#group(tree, group)) === tree.mountPoint) inheritCpuset(this.#group(tree, group));
      }
      applyWrites(cgroupWrites({ ...resources, devices }, this.#view(group, true)), (tree) => this.#group(tree, group));
    } catch (error) {
      for (const tree of this.layout.trees) if (removeGroup(this.#group(tree, group))) this.#parents.release(tree, dirname(group));
      throw error;
    }
    return this.#placement(group, devices);
  }

  /** Changes what is given of a group in use; what is absent stays. All of it, or nothing and `Refused`. */
  update(group: string, resources: CgroupResources): void {
    const needed = neededControllers(resources);
    for (const tree of this.layout.trees) this.#parents.prepare(tree, dirname(group), v2NamesIn(tree, needed));
    const writes = cgroupWrites(resources, this.#view(group, false));
    if (resources.memory?.checkBeforeUpdate) this.#refuseLessThanUsed(group, resources.memory.limitBytes);
    const undo = applyAtomically(writes, (tree) => this.#group(tree, group));
    const tree = treeOf(this.layout, 'devices');
    if (!resources.devices || tree?.version !== 2) return;
    try {
      this.#replaceDeviceFilter(this.#group(tree, group), compileDeviceFilter(resources.devices));
    } catch (error) {
      undo();
      throw error;
    }
  }

  /** Node has no word for bpf(2). No program: nothing is filtered. */
  #replaceDeviceFilter(directory: string, program: Buffer = Buffer.alloc(0)): void {
    if (!this.shimPath) throw new Refused('unsupported', 'device rules of cgroup v2 cannot be changed without the shim');
    const { status, stderr, error } = spawnSync(this.shimPath, ['device-filter', directory], { input: program, env: {}, timeout: deviceFilterPatienceMs, encoding: 'utf8' });
    if (error || status !== 0) throw new Refused('precondition', stderr.trim() || `cannot change the device filter of ${directory}`, error ? { cause: error } : {});
  }

  #refuseLessThanUsed(group: string, limitBytes: number | undefined): void {
    const { usageBytes } = this.stats(group).memory;
    if (limitBytes === undefined || limitBytes < 0 || usageBytes <= limitBytes) return;
    throw new Refused('precondition', `the container uses ${usageBytes} bytes of memory now, more than the limit ${limitBytes}`);
  }

  #view(group: string, isFresh: boolean): CgroupView {
    return {
      layout: this.layout,
      current: (tree, file) => (isFresh ? '' : readText(join(this.#group(tree, group), file))),
      exists: (tree, file) => existsSync(join(this.#group(tree, group), file)),
    };
  }

  #placement(group: string, rules: readonly DeviceRule[]): CgroupPlacement {
    const memory = treeOf(this.layout, 'memory');
    const devices = treeOf(this.layout, 'devices');
    const unified = unifiedTree(this.layout);
    const program = devices?.version === 2 ? deviceFilter(rules) : undefined;
    return {
      procsFiles: this.procsFiles(group),
      ...(unified ? { unifiedDirectory: this.#group(unified, group) } : {}),
      oomCounterFile: memory ? join(this.#group(memory, group), memory.version === 2 ? 'memory.events' : 'memory.oom_control') : '',
      ...(devices && program ? { deviceFilter: { directory: this.#group(devices, group), program } } : {}),
    };
  }

  /** Every `cgroup.procs`: where an exec joins. */
  procsFiles(group: string): string[] {
    return this.layout.trees.map((tree) => join(this.#group(tree, group), 'cgroup.procs'));
  }

  /** Kills all that is in the groups and removes them, and parents of theirs that nobody needs any more. Idempotent. */
  async remove(group: string): Promise<void> {
    const deadlineMs = this.clock.monotonicMs() + removalPatienceMs;
    for (;;) {
      this.kill(group);
      const left = this.layout.trees.filter((tree) => !removeGroup(this.#group(tree, group)));
      if (left.length === 0) break;
      if (this.clock.monotonicMs() > deadlineMs) throw new Temporary(`cannot remove the cgroup ${this.#group(left[0]!, group)}: processes in it do not end`);
      await this.clock.sleep(removalPollMs);
    }
    for (const tree of this.layout.trees) this.#parents.release(tree, dirname(group));
  }

  /** SIGKILL to every process of the container, in one stroke where the kernel can; else to all that stand still, so that none forks away. */
  kill(group: string): void {
    const unified = unifiedTree(this.layout);
    if (unified && tryWrite(join(this.#group(unified, group), 'cgroup.kill'), '1')) return;
    const freezer = treeOf(this.layout, 'freezer');
    const state = freezer && join(this.#group(freezer, group), 'freezer.state');
    if (state) tryWrite(state, 'FROZEN');
    for (const pid of this.pids(group)) killProcess(pid);
    if (state) tryWrite(state, 'THAWED');
  }

  pids(group: string): number[] {
    const groups = this.layout.trees.flatMap((tree) => withGroupsBelow(this.#group(tree, group)));
    return [...new Set(groups.flatMap((path) => readText(join(path, 'cgroup.procs')).split('\n').filter(Boolean).map(Number)))];
  }

  /** Removes the empty parents: an agent that leaves with its containers leaves nothing. Parents in use stay. */
  close(): void {
    for (const tree of this.layout.trees) this.#parents.remove(tree);
  }

  stats(group: string): CgroupCounts {
    return readCgroupStats(this.layout, (tree) => this.#group(tree, group));
  }

  /** Stops all processes of the container. Throws `Temporary` when one does not stop in time. */
  async freeze(group: string): Promise<void> {
    const tree = freezerTree(this.layout);
    if (!tree) throw new Refused('unsupported', 'this machine has no cgroup freezer: containers cannot be paused');
    await freeze(tree, this.#group(tree, group), this.clock);
  }

  thaw(group: string): void {
    const tree = freezerTree(this.layout);
    if (tree) thaw(tree, this.#group(tree, group));
  }

  isFrozen(group: string): boolean {
    const tree = freezerTree(this.layout);
    return tree !== undefined && isFrozen(tree, this.#group(tree, group));
  }

  #group(tree: CgroupTree, group: string): string {
    return join(tree.mountPoint, this.parent, group);
  }
}

/** Most containers have the default list: its program is made once. */
function deviceFilter(rules: readonly DeviceRule[]): Buffer | undefined {
  return rules === defaultDeviceRules ? (defaultFilter ??= compileDeviceFilter(rules)) : compileDeviceFilter(rules);
}

let defaultFilter: Buffer | undefined;

function checkGroup(group: string): void {
  if (group === '' || group.startsWith('/') || normalize(group) !== group || group.split('/').includes('..')) throw new Refused('invalid', `"${group}" is no path of a cgroup`);
}

/** The controllers that must be switched on in a v2 tree for these resources. */
function v2NamesIn(tree: CgroupTree, controllers: readonly CgroupController[]): string[] {
  if (tree.version === 1) return [];
  return controllers.map(v2Name).filter((name) => tree.controllers.includes(name));
}

/** A group that is there already is what a crash left behind: its limits are not ours. */
function makeGroup(path: string, mayShare: boolean): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    if (removeGroup(path)) return void mkdirSync(path);
    if (!mayShare) throw new Refused('already-exists', `the cgroup ${path} is in use`);
  }
}

/** True when the group is gone. */
function removeGroup(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return true;
    // A container that may write to its groups has made others in them: they go first.
    const below = groupsBelow(path);
    return below.length > 0 && below.every(removeGroup) && removeGroup(path);
  }
}

function withGroupsBelow(path: string): string[] {
  return [path, ...groupsBelow(path).flatMap(withGroupsBelow)];
}

function groupsBelow(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
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
