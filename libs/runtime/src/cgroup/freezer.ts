import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Temporary, type Clock } from '../../../base/src/index.js';
import { keyedNumbers, readText } from './files.js';
import { treeOf, unifiedTree, type CgroupLayout, type CgroupTree } from './layout.js';

const patienceMs = 10_000;
const pollMs = 1;
/** v1 may stay FREEZING while tasks fork into the group; now and then it needs a fresh start. */
const pollsBetweenThaws = 50;

/**
 * Which tree stops processes. Version 2 is preferred wherever it is mounted: every container is in it, and a process that it
 * has stopped still dies of SIGKILL, while version 1 holds even that back.
 */
export function freezerTree(layout: CgroupLayout): CgroupTree | undefined {
  return unifiedTree(layout) ?? treeOf(layout, 'freezer');
}

/** Resolves when every process of the group stands still. Lets them go again and throws when they do not within seconds. */
export async function freeze(tree: CgroupTree, group: string, clock: Clock): Promise<void> {
  const deadlineMs = clock.monotonicMs() + patienceMs;
  for (let polls = 0; ; polls++) {
    if (polls === 0 || (tree.version === 1 && polls % pollsBetweenThaws === 0)) beginFreeze(tree, group, polls > 0);
    if (isFrozen(tree, group)) return;
    if (clock.monotonicMs() > deadlineMs) {
      thaw(tree, group);
      throw new Temporary(`the processes in the cgroup ${group} do not stop within ${patienceMs / 1000} s: one of them is held by the kernel, perhaps by a dead file server`);
    }
    await clock.sleep(pollMs);
  }
}

function beginFreeze(tree: CgroupTree, group: string, again: boolean): void {
  if (again) thaw(tree, group);
  if (tree.version === 2) writeFileSync(join(group, 'cgroup.freeze'), '1');
  else writeFileSync(join(group, 'freezer.state'), 'FROZEN');
}

/** The processes go on. Version 1 tells so at once; version 2 too, whatever `cgroup.events` still says. */
export function thaw(tree: CgroupTree, group: string): void {
  if (tree.version === 2) writeFileSync(join(group, 'cgroup.freeze'), '0');
  else writeFileSync(join(group, 'freezer.state'), 'THAWED');
}

export function isFrozen(tree: CgroupTree, group: string): boolean {
  if (tree.version === 2) return keyedNumbers(readText(join(group, 'cgroup.events')))['frozen'] === 1;
  return readText(join(group, 'freezer.state')) === 'FROZEN';
}
