import { isRefused } from '../../base/src/index.js';
import type { Problem } from './admission.js';
import { hasOwnNetworks, parseNamespaceMode, type IsolationSpec, type NamespaceKind } from './isolation.js';
import type { ServiceSpec } from './service.js';

/** What is wrong with whose namespaces, devices and filters the service's containers shall have. */
export function checkIsolation(spec: ServiceSpec): Problem[] {
  const { container } = spec.template;
  return [...checkModes(spec), ...checkDevices(container), ...checkNetworkMode(spec), ...checkRest(container)];
}

function checkModes({ name, template: { container } }: ServiceSpec): Problem[] {
  const modes: [NamespaceKind, string | undefined][] = [
    ['pid', container.pidMode],
    ['ipc', container.ipcMode],
    ['network', container.networkMode],
    ['user', container.usernsMode],
    ['cgroup', container.cgroupnsMode],
    ['uts', container.utsMode],
  ];
  return modes.flatMap(([kind, text]): Problem[] => {
    try {
      const mode = parseNamespaceMode(kind, text);
      if (mode?.kind !== 'service' || mode.name !== name) return [];
      return [{ code: 'invalid', message: `ContainerSpec: service ${name} cannot share its own ${kind} namespace` }];
    } catch (error) {
      if (!isRefused(error)) throw error;
      return [{ code: error.code, message: `ContainerSpec: ${error.message}` }];
    }
  });
}

function checkDevices({ devices = [], deviceCgroupRules = [] }: IsolationSpec): Problem[] {
  const wrongDevices = devices.filter(({ hostPath, containerPath, permissions }) => !hostPath.startsWith('/') || !containerPath.startsWith('/') || !/^[rwm]{1,3}$/.test(permissions));
  const wrongRules = deviceCgroupRules.filter((rule) => !/^[acb] (?:[0-9]+|\*):(?:[0-9]+|\*) [rwm]{1,3}$/.test(rule));
  return [
    ...wrongDevices.map(({ hostPath, containerPath, permissions }): Problem => ({ code: 'invalid', message: `ContainerSpec: invalid device ${hostPath}:${containerPath}:${permissions}` })),
    ...wrongRules.map((rule): Problem => ({ code: 'invalid', message: `ContainerSpec: invalid device cgroup rule "${rule}": it looks like "c 10:229 rwm"` })),
  ];
}

/** Without networks of its own a task has no address: nothing can be attached to it or published. */
function checkNetworkMode({ template: { container, networks }, endpoint }: ServiceSpec): Problem[] {
  if (hasOwnNetworks(container)) return [];
  const mode = container.networkMode;
  const problems: Problem[] = [];
  if (networks.length > 0) problems.push({ code: 'invalid', message: `a service with network mode ${mode} cannot be attached to networks` });
  if (endpoint?.ports.length) problems.push({ code: 'invalid', message: `a service with network mode ${mode} cannot publish ports: it has no network of its own` });
  return problems;
}

const builtInRuntimes = ['shoal', 'runc', 'io.containerd.runc.v2'];

function checkRest({ macAddress, shmSizeBytes, runtime, cgroupParent }: IsolationSpec): Problem[] {
  const problems: Problem[] = [];
  if (macAddress && !/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(macAddress)) problems.push({ code: 'invalid', message: `ContainerSpec: invalid MAC address "${macAddress}"` });
  if (shmSizeBytes !== undefined && !(shmSizeBytes > 0)) problems.push({ code: 'invalid', message: `ContainerSpec: invalid size of /dev/shm: ${shmSizeBytes}` });
  if (runtime && !builtInRuntimes.includes(runtime)) problems.push({ code: 'unsupported', message: `ContainerSpec: there is no runtime "${runtime}" on the nodes: containers run in the built-in one` });
  if (cgroupParent?.split('/').some((part) => part === '..' || part === '.')) problems.push({ code: 'invalid', message: `ContainerSpec: invalid cgroup parent "${cgroupParent}"` });
  return problems;
}
