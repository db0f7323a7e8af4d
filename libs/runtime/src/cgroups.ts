import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isErrno, Refused, Temporary, type Clock } from '../../base/src/index.js';
import type { ResourceLimits } from '../../model/src/index.js';
import { treeOf, unifiedTree, type CgroupLayout, type CgroupTree } from './cgroup-layout.js';
import { cgroupWrites, checkLimits, optionalFiles } from './cgroup-values.js';
import type { CgroupPlacement } from './container-config.js';
import { compileDeviceFilter } from './device-filter.js';
import { deviceRules } from './device-rules.js';
import type { ContainerStats } from './runtime.js';

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

  stats(id: string): ContainerStats {
    const read = (controller: 'cpu' | 'cpuacct' | 'memory' | 'pids', v1File: string, v2File: string) => {
      const tree = treeOf(this.layout, controller);
      return tree ? readText(join(this.#group(tree, id), tree.version === 1 ? v1File : v2File)) : '';
    };
    const isV2 = (controller: 'cpuacct' | 'memory') => treeOf(this.layout, controller)?.version === 2;
    const usage = read('cpuacct', 'cpuacct.usage', 'cpu.stat');
    return {
      cpuUsageNs: isV2('cpuacct') ? keyedNumber(usage, 'usage_usec') * 1000 : Number(usage),
      memoryBytes: memoryWithoutCache(read('memory', 'memory.usage_in_bytes', 'memory.current'), read('memory', 'memory.stat', 'memory.stat'), isV2('memory')),
      memoryLimitBytes: limitNumber(read('memory', 'memory.limit_in_bytes', 'memory.max')),
      pids: Number(read('pids', 'pids.current', 'pids.current')),
      throttledPeriods: keyedNumber(read('cpu', 'cpu.stat', 'cpu.stat'), 'nr_throttled'),
      oomKills: keyedNumber(read('memory', 'memory.oom_control', 'memory.events'), 'oom_kill'),
    };
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

function readText(path: string): string {
  return readFileSync(path, 'utf8').trim();
}

function keyedNumber(text: string, key: string): number {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${key} `));
  return line ? Number(line.slice(key.length + 1)) : 0;
}

/** No limit reads as `max` or as a number beyond any memory: 0. */
function limitNumber(text: string): number {
  const value = Number(text);
  return Number.isFinite(value) && value < Number.MAX_SAFE_INTEGER ? value : 0;
}

/** What Docker's CLI shows: without the page cache that would go first. */
function memoryWithoutCache(usage: string, stat: string, isV2: boolean): number {
  return Math.max(0, Number(usage) - keyedNumber(stat, isV2 ? 'inactive_file' : 'total_inactive_file'));
}
