import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { Refused } from '../../../base/src/index.js';
import type { CgroupLayout } from '../cgroup/layout.js';

/**
 * Where a process more joins: the container's own groups, or the ones below them that the caller names (`--cgroup [CONTROLLER,…:]PATH`).
 * Never anything above.
 */
export function execGroups({ trees }: CgroupLayout, cgroupPath: string, groups: ReadonlyMap<string, string>): string[] {
  const controllers = new Set(trees.flatMap((tree) => [...tree.controllers, tree.name ?? '', tree.version === 2 ? '' : ''])).add('');
  for (const [controller, path] of groups) {
    if (!controllers.has(controller)) throw new Refused('invalid', `unknown controller ${controller} in --cgroup`);
    if (path.split('/').includes('..')) throw new Refused('invalid', `bad sub cgroup path: ${path} is not a sub cgroup path`);
  }
  return trees.map((tree) => {
    const path = [...tree.controllers, tree.name ?? ''].map((name) => groups.get(name)).find((found) => found !== undefined) ?? groups.get('') ?? '/';
    const file = posix.join(tree.mountPoint, cgroupPath, path, 'cgroup.procs');
    // Only where the caller named a group: the container's own is there.
    if (path !== '/' && !existsSync(file)) throw new Refused('not-found', `error adding pid to cgroups: adding pid to ${file}: open ${file}: no such file or directory`);
    return file;
  });
}
