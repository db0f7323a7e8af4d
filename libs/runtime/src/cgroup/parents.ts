import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Refused } from '../../../base/src/index.js';
import { readText } from './files.js';
import type { CgroupTree } from './layout.js';

/** What every container is limited or counted by. Others cost at each creation, so they are switched on when first asked for. */
const usualControllers = ['cpu', 'memory', 'pids', 'io'];

/** The groups above the containers', per hierarchy: made once, and kept as long as something may come below them. */
export class CgroupParents {
  /** Paths that stand, with the v2 controllers that their children have. */
  readonly #prepared = new Map<string, Set<string>>();

  constructor(readonly root: string) {}

  /** Makes `<root>/<below>` ready for groups in it. `controllers` are those of v2 that are needed besides the usual ones. */
  prepare(tree: CgroupTree, below: string, controllers: readonly string[]): void {
    const parent = join(tree.mountPoint, this.root, below);
    const has = this.#prepared.get(parent);
    if (has && controllers.every((controller) => has.has(controller))) return;
    const wanted = new Set([...(has ?? usualControllers.filter((controller) => tree.controllers.includes(controller))), ...controllers]);
    for (const path of pathsDownTo(tree.mountPoint, parent)) {
      mkdirSync(path, { recursive: true });
      if (tree.version === 2) enableControllers(path, wanted);
      else if (tree.controllers.includes('cpuset') && path !== tree.mountPoint) inheritCpuset(path);
    }
    this.#prepared.set(parent, wanted);
  }

  /** Removes what is below the root on the way to `below`, as far as it is empty. */
  release(tree: CgroupTree, below: string): void {
    for (let at = below; at !== '.' && this.#removeEmpty(join(tree.mountPoint, this.root, at)); ) at = dirname(at);
  }

  /** Removes the root, and what is above it, as far as it is empty. */
  remove(tree: CgroupTree): void {
    for (let at = join('/', this.root); at !== '/' && this.#removeEmpty(join(tree.mountPoint, at)); ) at = dirname(at);
  }

  #removeEmpty(path: string): boolean {
    try {
      rmdirSync(path);
    } catch {
      return false; // others use it, or it is gone with them: either way it is not ours to remove
    }
    this.#prepared.delete(path);
    return true;
  }
}

function pathsDownTo(top: string, path: string): string[] {
  return path === top ? [top] : [...pathsDownTo(top, dirname(path)), path];
}

function enableControllers(group: string, wanted: ReadonlySet<string>): void {
  const file = join(group, 'cgroup.subtree_control');
  const enabled = readFileSync(file, 'utf8').split(/\s+/);
  const missing = [...wanted].filter((controller) => !enabled.includes(controller));
  if (missing.length === 0) return;
  try {
    writeFileSync(file, missing.map((controller) => `+${controller}`).join(' '));
  } catch (error) {
    throw new Refused('precondition', `cgroup controllers ${missing.join(', ')} are not delegated to ${group}: processes must not live in it, only in groups below`, { cause: error });
  }
}

/** A v1 cpuset takes no process before it has cpus and memory nodes; its children get those of this one when they are made. */
export function inheritCpuset(group: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (readText(join(group, file)) === '') writeFileSync(join(group, file), readFileSync(join(group, '..', file), 'utf8'));
  }
  writeFileSync(join(group, 'cgroup.clone_children'), '1');
}
