import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Refused } from '../../base/src/index.js';
import type { DeviceMapping } from '../../model/src/index.js';
import { allowAllDevices, defaultDeviceRules, parseDeviceRule } from './cgroup/device-rules.js';
import { deviceNumbers, resourcesOfLimits } from './cgroup/from-limits.js';
import type { CgroupResources, DeviceRule } from './cgroup/resources.js';
import type { DeviceNode } from './container-config.js';
import type { ContainerRequest } from './runtime.js';

/** What the groups of a container are told: its limits and its devices. */
export function planResources({ limits, spec }: Pick<ContainerRequest, 'limits' | 'spec'>): CgroupResources {
  return { ...resourcesOfLimits(limits), devices: planDeviceRules(spec) };
}

function planDeviceRules({ privileged, devices = [], deviceCgroupRules = [] }: ContainerRequest['spec']): DeviceRule[] {
  if (privileged) return [allowAllDevices];
  const ofDevices = devices.flatMap((mapping) =>
    hostDevices(mapping).map(({ type, major, minor }): DeviceRule => ({ allow: true, type: type === 'b' ? 'b' : 'c', major, minor, access: mapping.permissions || 'rwm' })),
  );
  return [...defaultDeviceRules, ...ofDevices, ...deviceCgroupRules.map(parseDeviceRule)];
}

/** The nodes that a mapping names: one, or all below a folder. Symbolic links are followed, as Docker does. */
export function hostDevices({ hostPath, containerPath }: DeviceMapping): DeviceNode[] {
  const status = statSync(hostPath, { throwIfNoEntry: false });
  if (!status) throw new Refused('invalid', `the device ${hostPath} does not exist on this machine`);
  if (status.isDirectory()) {
    return readdirSync(hostPath).flatMap((name) => {
      const below = { hostPath: join(hostPath, name), containerPath: join(containerPath || hostPath, name), permissions: '' };
      const entry = statSync(below.hostPath, { throwIfNoEntry: false });
      return entry?.isDirectory() || entry?.isBlockDevice() || entry?.isCharacterDevice() ? hostDevices(below) : [];
    });
  }
  if (!status.isBlockDevice() && !status.isCharacterDevice()) throw new Refused('invalid', `${hostPath} is no device`);
  return [{ path: containerPath || hostPath, type: status.isBlockDevice() ? 'b' : 'c', ...deviceNumbers(status.rdev), mode: status.mode & 0o777, uid: status.uid, gid: status.gid }];
}
