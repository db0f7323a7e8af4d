import type { CgroupLayout, CgroupTree } from './layout.js';

/** One value for one file of a container's group. */
export interface CgroupWrite {
  tree: CgroupTree;
  file: string;
  value: string;
  /** Some kernels lack the file, and then there is nothing to limit (swap that is not accounted). */
  mayBeMissing?: boolean;
  /** What undoes this write, made of what the file says before it. Absent: that text as it is. */
  restore?: (before: string) => string;
  /** Where to undo it; absent: in the same file. */
  restoreFile?: string;
}

/** Undoes a write into a file that holds a line per device or name: its line as it was, or `reset`. */
export function restoreLine(key: string, reset: string): (before: string) => string {
  return (before) => before.split('\n').find((line) => line.startsWith(`${key} `)) ?? `${key} ${reset}`;
}

/** What the machine has for these resources: the layout, and what stands in a file of the group now (empty: a fresh group, or no such file). */
export interface CgroupView {
  layout: CgroupLayout;
  current(tree: CgroupTree, file: string): string;
  exists(tree: CgroupTree, file: string): boolean;
}

/** A group of files that belong to one controller, as values; `undefined` values are not written. */
export function writesOf(tree: CgroupTree, values: Record<string, number | string | undefined>): CgroupWrite[] {
  return Object.entries(values).flatMap(([file, value]) => (value === undefined ? [] : [{ tree, file, value: String(value) }]));
}

/** The kernel's word for a limit in v2, where we and v1 say -1. */
export function orMax(limit: number): string {
  return limit < 0 ? 'max' : String(limit);
}
