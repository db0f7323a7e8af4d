import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refused } from '../../../base/src/index.js';
import { readText } from './files.js';
import type { CgroupTree } from './layout.js';
import type { CgroupWrite } from './write.js';

type GroupIn = (tree: CgroupTree) => string;
type Failure = { write: CgroupWrite; error: unknown };

/** Writes values into a group that nobody is in yet. Throws `Refused` with the file that the kernel did not take. */
export function applyWrites(writes: readonly CgroupWrite[], groupIn: GroupIn): void {
  refuseFirst(writeAll(writes, groupIn), groupIn);
}

/** Changes a group in use: all of it, or nothing and `Refused`. Returns what undoes it. */
export function applyAtomically(writes: readonly CgroupWrite[], groupIn: GroupIn): () => void {
  for (const { tree, file, mayBeMissing } of writes) {
    if (!mayBeMissing && !existsSync(join(groupIn(tree), file))) throw new Refused('unsupported', `this machine has no ${file}: the limit cannot be kept`);
  }
  const before = writes.map((write): CgroupWrite => ({ ...write, file: write.restoreFile ?? write.file, value: restoredValue(write, groupIn) }));
  const undo = () => void writeAll(before.reverse(), groupIn); // what was valid before is valid again
  const failures = writeAll(writes, groupIn);
  if (failures.length > 0) undo();
  refuseFirst(failures, groupIn);
  return undo;
}

function restoredValue({ tree, file, restore, restoreFile }: CgroupWrite, groupIn: GroupIn): string {
  // What is undone elsewhere cannot be read here: a list with one file to add and one to take away.
  const text = restoreFile ? '' : readText(join(groupIn(tree), file));
  return restore ? restore(text) : text;
}

/**
 * Some files limit each other (memory and memory with swap, quota and period), so the order that the kernel accepts depends on what was
 * there before. What it refuses is tried again after the others, for as long as that helps.
 */
function writeAll(writes: readonly CgroupWrite[], groupIn: GroupIn): Failure[] {
  for (let left = writes; ; ) {
    const failures = left.flatMap((write) => tryWrite(write, groupIn) ?? []);
    if (failures.length === 0 || failures.length === left.length) return failures;
    left = failures.map(({ write }) => write);
  }
}

function tryWrite(write: CgroupWrite, groupIn: GroupIn): Failure | undefined {
  const path = join(groupIn(write.tree), write.file);
  if (write.mayBeMissing && !existsSync(path)) return undefined;
  try {
    writeFileSync(path, write.value || '\n'); // an empty string would be no write at all
    return undefined;
  } catch (error) {
    return { write, error };
  }
}

function refuseFirst([failure]: readonly Failure[], groupIn: GroupIn): void {
  if (!failure) return;
  const { write, error } = failure;
  throw new Refused('invalid', `the kernel refuses "${write.value}" for ${write.file}${hint(error)} (${groupIn(write.tree)})`, { cause: error });
}

function hint(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'EBUSY') return ': the container uses more than that now';
  if (code === 'ENOENT') return ': this kernel has no such file';
  return '';
}
