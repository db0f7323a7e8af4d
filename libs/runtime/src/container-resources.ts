import { allowAllDevices, defaultDeviceRules, parseDeviceRule } from './cgroup/device-rules.js';
import { resourcesOfLimits } from './cgroup/from-limits.js';
import type { CgroupResources, DeviceRule } from './cgroup/resources.js';
import type { FoundDevice } from './isolation-plan.js';
import type { ContainerRequest } from './runtime.js';

/** What the groups of a container are told: its limits and its devices. */
export function planResources({ limits, spec }: Pick<ContainerRequest, 'limits' | 'spec'>, devices: readonly FoundDevice[]): CgroupResources {
  return { ...resourcesOfLimits(limits), devices: planDeviceRules(spec, devices) };
}

function planDeviceRules({ privileged, deviceCgroupRules = [] }: ContainerRequest['spec'], devices: readonly FoundDevice[]): readonly DeviceRule[] {
  if (privileged) return [allowAllDevices];
  if (devices.length === 0 && deviceCgroupRules.length === 0) return defaultDeviceRules;
  const ofDevices = devices.map(({ node: { type, major, minor }, access }): DeviceRule => ({ allow: true, type: type === 'b' ? 'b' : 'c', major, minor, access }));
  return [...defaultDeviceRules, ...ofDevices, ...deviceCgroupRules.map(parseDeviceRule)];
}
