import { readdirSync, realpathSync, statSync, type Stats } from 'node:fs';
import { join, posix } from 'node:path';
import { isErrno, Refused } from '../../base/src/index.js';
import type { ContainerSpec, DeviceMapping } from '../../model/src/index.js';
import { deviceNumbers } from './cgroup/from-limits.js';
import type { DeviceNode } from './container-config.js';
import { deviceLinks, deviceNodes } from './default-mounts.js';
import type { FoundDevice } from './isolation-plan.js';

const allAccess = 'rwm';
/** Below /dev, not for any container: their own filesystems. */
const notDevices = new Set(['pts', 'shm', 'fd', 'mqueue', 'console', '.lxc', '.lxd-mounts', '.udev']);
/** What every container has of its own. */
const ownPaths: ReadonlySet<string> = new Set([...deviceNodes, ...deviceLinks].map(({ path }) => path));

/** Looks at the machine's device nodes: those asked for, or all of them. */
export function findDevices({ privileged, devices = [] }: ContainerSpec): FoundDevice[] {
  const all = privileged ? walk('/dev', '/dev').map((node) => ({ node, access: allAccess })) : [];
  const asked = devices.flatMap(findMapping);
  const byPath = new Map([...all, ...asked].map((device) => [device.node.path, device]));
  return [...byPath.values()];
}

function findMapping({ hostPath, containerPath, permissions }: DeviceMapping): FoundDevice[] {
  const target = posix.normalize(containerPath || hostPath);
  const access = permissions || allAccess;
  if (!/^[rwm]{1,3}$/.test(access)) throw new Refused('invalid', `invalid permissions "${permissions}" of the device ${hostPath}: of r, w and m`);
  if (!hostPath.startsWith('/') || !target.startsWith('/')) throw new Refused('invalid', `the device "${hostPath}:${containerPath}" is not absolute`);
  const { path, status } = examine(hostPath);
  const node = nodeOf(target, status);
  if (node) return [{ node, access }];
  if (!status.isDirectory()) throw new Refused('invalid', `${hostPath} is not a device node`);
  const nodes = walk(path, target);
  if (nodes.length === 0) throw new Refused('invalid', `there is no device node in ${hostPath}`);
  return nodes.map((each) => ({ node: each, access }));
}

function examine(hostPath: string): { path: string; status: Stats } {
  try {
    const path = realpathSync(hostPath);
    return { path, status: statSync(path) };
  } catch (error) {
    throw new Refused('not-found', `cannot examine the device ${hostPath}`, { cause: error });
  }
}

/** Nodes in a folder and below; symbolic links lead to what is found anyway. */
function walk(directory: string, target: string): DeviceNode[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(target, entry.name);
    if (notDevices.has(entry.name) || ownPaths.has(path)) return [];
    if (entry.isDirectory()) return walk(join(directory, entry.name), path);
    if (!entry.isBlockDevice() && !entry.isCharacterDevice()) return [];
    try {
      return nodeOf(path, statSync(join(directory, entry.name))) ?? [];
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return []; // unplugged meanwhile
      throw error;
    }
  });
}

const permissionBits = 0o777;

function nodeOf(path: string, status: Stats): DeviceNode | undefined {
  const type = status.isBlockDevice() ? 'b' : status.isCharacterDevice() ? 'c' : undefined;
  return type && { path, type, ...deviceNumbers(status.rdev), mode: status.mode & permissionBits, uid: status.uid, gid: status.gid };
}
