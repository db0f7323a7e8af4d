import { isRefused } from '../../../base/src/index.js';
import { isPredefinedNetwork, parseNamespaceMode, type DeviceMapping, type IsolationSpec, type NamespaceKind } from '../../../model/src/index.js';
import type { Service } from '../compose-config.js';
import { parseByteSize } from '../formats/byte-size.js';
import { didYouMean } from '../problems.js';
import { networksOf } from './networks.js';
import type { Scope } from './scope.js';
import { compact, nameOf, note, problem, scoped, servicePath } from './scope.js';
import { convertSecurityOptions } from './security-options.js';

/** What Docker's swarm has no word for: whose namespaces, devices and filters a container has. */
export function convertIsolation(scope: Scope, name: string, service: Service): IsolationSpec {
  if (service.storage_opt?.size) problem(scope, servicePath(name, 'storage_opt'), 'nodes cannot limit the size of a container\'s writable layer', 'mount a volume or a tmpfs with a size where the service writes much, and set read_only');
  return compact<IsolationSpec>({
    privileged: service.privileged,
    devices: nonEmpty((service.devices ?? []).map((text, index) => convertDevice(scope, servicePath(name, `devices[${index}]`), text))),
    deviceCgroupRules: nonEmpty(convertDeviceRules(scope, name, service.device_cgroup_rules ?? [])),
    shmSizeBytes: convertShmSize(scope, name, service.shm_size),
    pidMode: convertMode(scope, name, 'pid', 'pid', service.pid),
    ipcMode: convertMode(scope, name, 'ipc', 'ipc', service.ipc),
    networkMode: convertNetworkMode(scope, name, service),
    usernsMode: convertMode(scope, name, 'userns_mode', 'user', service.userns_mode),
    cgroupnsMode: convertMode(scope, name, service.cgroup === undefined ? 'cgroupns_mode' : 'cgroup', 'cgroup', service.cgroup ?? service.cgroupns_mode),
    utsMode: convertMode(scope, name, 'uts', 'uts', service.uts),
    cgroupParent: service.cgroup_parent,
    macAddress: convertMacAddress(scope, servicePath(name, 'mac_address'), service.mac_address),
    domainname: service.domainname,
    securityOptions: convertSecurityOptions(scope, name, service),
    runtime: convertRuntime(scope, name, service.runtime),
  });
}

/** `/dev/a`, `/dev/a:/dev/b` or `/dev/a:/dev/b:rw`. */
function convertDevice(scope: Scope, path: string, text: string): DeviceMapping {
  const [hostPath = '', containerPath, permissions, ...rest] = text.split(':');
  // Docker reads the second part as permissions when it can be nothing else.
  const short = containerPath !== undefined && permissions === undefined && /^[rwm]+$/.test(containerPath);
  const device = { hostPath, containerPath: short ? hostPath : (containerPath ?? hostPath), permissions: short ? containerPath : (permissions ?? 'rwm') };
  if (rest.length > 0 || !device.hostPath.startsWith('/') || !device.containerPath.startsWith('/') || !/^[rwm]{1,3}$/.test(device.permissions)) {
    problem(scope, path, `"${text}" is not a device`, 'devices look like /dev/fuse, /dev/ttyS0:/dev/modem or /dev/sda:/dev/xvda:r');
  }
  return device;
}

function convertDeviceRules(scope: Scope, name: string, rules: string[]): string[] {
  rules.forEach((rule, index) => {
    if (/^[acb] (?:[0-9]+|\*):(?:[0-9]+|\*) [rwm]{1,3}$/.test(rule)) return;
    problem(scope, servicePath(name, `device_cgroup_rules[${index}]`), `"${rule}" is not a device rule`, 'rules look like "c 10:229 rwm" or "b 8:* r"');
  });
  return rules;
}

function convertShmSize(scope: Scope, name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = parseByteSize(text);
  if (bytes === undefined) problem(scope, servicePath(name, 'shm_size'), `"${text}" is not a size in bytes`, 'sizes look like 64M or 1g');
  return bytes ? Number(bytes) : undefined;
}

function convertMode(scope: Scope, name: string, key: string, kind: NamespaceKind, text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  const path = servicePath(name, key);
  try {
    const mode = parseNamespaceMode(kind, text);
    return mode?.kind === 'service' ? joinedService(scope, path, name, mode.name) : text;
  } catch (error) {
    if (!isRefused(error)) throw error;
    problem(scope, path, error.message);
    return undefined;
  }
}

/** Services are named as in the file; the cluster knows them with the stack's name. */
function joinedService(scope: Scope, path: string, name: string, other: string): string | undefined {
  if (other === name) problem(scope, path, 'a service cannot share its own namespaces');
  else if (!scope.config.services.has(other)) problem(scope, path, `the service "${other}" is not declared`, didYouMean(other, scope.config.services.keys()) ?? 'name a service of this file');
  return `service:${scoped(scope, other)}`;
}

/** The key itself, or the way in which files for a swarm say it: the external network `host` or `none`. */
function convertNetworkMode(scope: Scope, name: string, service: Service): string | undefined {
  const text = service.network_mode;
  if (text === undefined) return predefinedNetworkOf(scope, service);
  const path = servicePath(name, 'network_mode');
  if (text === 'bridge' || text === 'default') {
    note(scope, 'surprising', path, `there is no network "${text}" here; the service is on the networks of its stack`);
    return undefined;
  }
  if (service.networks?.size) problem(scope, path, 'network_mode and networks exclude each other', 'remove one of them');
  return convertMode(scope, name, 'network_mode', 'network', text);
}

function predefinedNetworkOf(scope: Scope, service: Service): string | undefined {
  const targets = [...networksOf(service).keys()].map((key) => nameOf(scope, key, scope.config.networks.get(key) ?? {}));
  return targets.length === 1 && targets[0] !== 'bridge' && isPredefinedNetwork(targets[0]!) ? targets[0] : undefined;
}

export function convertMacAddress(scope: Scope, path: string, text: string | undefined): string | undefined {
  if (text !== undefined && !/^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}$/i.test(text)) {
    problem(scope, path, `"${text}" is not a MAC address`, 'it looks like 02:42:ac:11:00:02');
  }
  return text?.toLowerCase().replaceAll('-', ':');
}

/** Names under which the built-in runtime answers. */
const builtInRuntimes = ['shoal', 'runc', 'io.containerd.runc.v2'];

function convertRuntime(scope: Scope, name: string, runtime: string | undefined): string | undefined {
  if (runtime === undefined || builtInRuntimes.includes(runtime)) return undefined;
  problem(scope, servicePath(name, 'runtime'), `there is no runtime "${runtime}" on the nodes: containers run in the built-in one`, 'remove the key');
  return undefined;
}

function nonEmpty<T>(items: T[]): T[] | undefined {
  return items.length > 0 ? items : undefined;
}
