import { posix } from 'node:path';
import { readText } from '../cgroup/files.js';
import { thaw } from '../cgroup/freezer.js';
import type { CgroupLayout } from '../cgroup/layout.js';
import type { OciSpec } from './spec.js';
import type { StoredContainer } from './state.js';

export function groupName({ cgroupPath }: Pick<StoredContainer, 'cgroupPath'>): string {
  return posix.basename(cgroupPath);
}

/** Somebody may have moved it into a frozen group of their own: there not even SIGKILL ends it. */
export function thawElsewhere(pid: number, layout: CgroupLayout): void {
  const tree = layout.trees.find(({ version, controllers }) => version === 1 && controllers.includes('freezer'));
  const line = readText(`/proc/${pid}/cgroup`).split('\n').find((text) => text.split(':')[1] === 'freezer');
  const path = line?.split(':')[2];
  if (tree && path && path !== '/') thaw(tree, posix.join(tree.mountPoint, path));
}

export function cgroupPathOf({ linux }: OciSpec, id: string): string {
  return posix.join('/', linux?.cgroupsPath || id);
}

/** Version 1 holds even SIGKILL back from who joins a frozen group. */
export function isFrozenByVersion1({ trees }: CgroupLayout, cgroupPath: string): boolean {
  const freezer = trees.find(({ version, controllers }) => version === 1 && controllers.includes('freezer'));
  return freezer !== undefined && readText(posix.join(freezer.mountPoint, cgroupPath, 'freezer.state')) === 'FROZEN';
}
