import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, Refused } from '../../../base/src/index.js';

const fileName = 'cgroup';

/** `cgroup_parent` and the container's id as one path below the agent's own group: nobody reaches out of that. */
export function groupPath(parent: string, id: string): string {
  const parts = parent.split('/').filter((part) => part !== '');
  if (parts.some((part) => part === '.' || part === '..')) throw new Refused('invalid', `invalid cgroup parent "${parent}": it leads out of the node's own cgroup`);
  const reserved = parts.find((part) => /^(cgroup|cpu|cpuset|memory|pids|io|blkio|devices|freezer|hugetlb|rdma|misc)\./.test(part));
  if (reserved) throw new Refused('invalid', `invalid cgroup parent "${parent}": "${reserved}" is a name of the kernel's`);
  return [...parts, id].join('/');
}

/** Kept apart from the container's record, and written before there is a group: an agent that dies in between leaves none that cannot be found. */
export function writeGroupPath(directory: string, path: string): void {
  writeFileSync(join(directory, fileName), path, { mode: 0o600 });
}

/** Undefined: the group is called as the container. */
export function readGroupPath(directory: string): string | undefined {
  try {
    return readFileSync(join(directory, fileName), 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
