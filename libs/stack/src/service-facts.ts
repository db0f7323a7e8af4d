import { changeableLimitsOf, type FileReference, type Mount, type PortConfig, type ServiceSpec } from '../../model/src/index.js';

/** What a service says, one entry per thing, in the words of a compose file: `environment.LOG_LEVEL` → `debug`. */
export type Facts = Map<string, Fact>;

export interface Fact {
  text: string;
  /** Tasks have to be replaced when it changes. */
  inTask: boolean;
}

/** `networkName` tells people's name of a network from what the spec calls it. */
export function serviceFacts(spec: ServiceSpec, networkName: (target: string) => string): Facts {
  const { name: _name, template, labels, mode, endpoint, update, rollback } = spec;
  const { container, networks, placement, resources, restart, logDriver, forceUpdate, runtime } = template;
  const { env, labels: containerLabels, mounts, secrets, configs, ...rest } = container;
  const limits = resources?.limits;
  const changeable = changeableLimitsOf(limits);
  const inTask = [
    ...flatten('', rest),
    ...env.map((line) => variable(line)),
    ...flatten('labels', containerLabels),
    ...mounts.map((mount) => [`volumes.${mount.target}`, mountText(mount)] as const),
    ...secrets.map((file) => [`secrets.${file.file?.name ?? file.name}`, fileText(file)] as const),
    ...configs.map((file) => [`configs.${file.file?.name ?? file.name}`, fileText(file)] as const),
    ...networks.map(({ target }) => [`networks.${networkName(target)}`, 'attached'] as const),
    ...networks.flatMap(({ target, aliases: _aliases, ...attachment }) => flatten(`networks.${networkName(target)}`, attachment)),
    ...flatten('logging', logDriver),
    ...flatten('deploy.placement.platforms', placement?.platforms),
    ...flatten('deploy.resources.limits', limits && withoutKeys(limits, changeable)),
    ...flatten('deploy.resources.reservations', resources?.reservations),
    ...flatten('', { runtime, forceUpdate: forceUpdate || undefined }),
  ];
  const inService = [
    ...networks.flatMap(({ target, aliases }) => (aliases.length > 0 ? [[`networks.${networkName(target)}.aliases`, [...aliases].sort().join(', ')] as const] : [])),
    ...flatten('deploy.placement', placement && { ...placement, platforms: undefined }),
    ...flatten('deploy.resources.limits', changeable),
    ...(mode.kind === 'replicated' ? flatten('', { replicas: mode.replicas }) : flatten('', { mode: mode.kind, ...mode, kind: undefined })),
    ...flatten('deploy.labels', labels),
    ...portTexts(endpoint?.ports ?? []),
    ...flatten('', { endpointMode: endpoint?.mode }),
    ...flatten('deploy.update_config', update),
    ...flatten('deploy.rollback_config', rollback),
    ...flatten('deploy.restart_policy', restart),
    ...(spec.dependsOn ?? []).map(({ service, condition, ...more }) => [`depends_on.${service}`, [condition, ...Object.keys(more)].join(', ')] as const),
  ];
  const facts: Facts = new Map();
  for (const [field, text] of inTask) facts.set(field, { text, inTask: true });
  for (const [field, text] of inService) facts.set(field, { text, inTask: false });
  return facts;
}

function withoutKeys(object: object, keys: object): object {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !(key in keys)));
}

/** Whatever an object says, below `prefix`. */
export function factsOf(prefix: string, value: unknown, inTask: boolean): Facts {
  return new Map(flatten(prefix, value).map(([field, text]) => [field, { text, inTask }]));
}

/** Keys of the model that compose files call otherwise. */
const composeWords: Record<string, string> = {
  args: 'command',
  command: 'entrypoint',
  dir: 'working_dir',
  hosts: 'extra_hosts',
  capabilityAdd: 'cap_add',
  capabilityDrop: 'cap_drop',
  groups: 'group_add',
  openStdin: 'stdin_open',
  shmSizeBytes: 'shm_size',
  pidMode: 'pid',
  ipcMode: 'ipc',
  networkMode: 'network_mode',
  usernsMode: 'userns_mode',
  cgroupnsMode: 'cgroup',
  utsMode: 'uts',
  securityOptions: 'security_opt',
  nanoCpus: 'cpus',
  memoryBytes: 'memory',
  stopGraceNs: 'stop_grace_period',
  failureAction: 'failure_action',
  maxReplicas: 'max_replicas_per_node',
};

function flatten(prefix: string, value: unknown, key = ''): (readonly [string, string])[] {
  if (value === undefined || value === null) return [];
  if (typeof value !== 'object') return [[prefix, scalarText(value, key)]];
  if (Array.isArray(value)) return value.length === 0 ? [] : [[prefix, JSON.stringify(value)]];
  return Object.entries(value).flatMap(([name, inner]) => flatten(prefix === '' ? words(name) : `${prefix}.${prefix.endsWith('labels') ? name : words(name)}`, inner, name));
}

function words(key: string): string {
  return composeWords[key] ?? key.replace(/Ns$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function scalarText(value: unknown, key: string): string {
  if (typeof value !== 'number') return String(value);
  if (key === 'nanoCpus') return String(value / 1e9);
  if (key.endsWith('Ns')) return `${value / 1e9}s`;
  return key.endsWith('Bytes') ? bytesText(value) : String(value);
}

function bytesText(bytes: number): string {
  const [unit, size] = ([['G', 2 ** 30], ['M', 2 ** 20], ['K', 2 ** 10]] as const).find(([, candidate]) => bytes >= candidate && bytes % candidate === 0) ?? ['B', 1];
  return `${bytes / size}${unit}`;
}

function variable(line: string): readonly [string, string] {
  const at = line.indexOf('=');
  return at < 0 ? [`environment.${line}`, '(unset)'] : [`environment.${line.slice(0, at)}`, line.slice(at + 1)];
}

function mountText({ target: _target, type, source, readOnly, ...more }: Mount & { source?: string }): string {
  const rest = flatten('', more).map(([name, text]) => `${name}=${text}`);
  return [type, source, readOnly ? 'read-only' : '', ...rest].filter(Boolean).join(' ');
}

function fileText({ name, file }: FileReference): string {
  return file ? `${name} (owner ${file.uid}:${file.gid}, mode ${file.mode.toString(8).padStart(4, '0')})` : name;
}

function portTexts(ports: PortConfig[]): (readonly [string, string])[] {
  const byTarget = new Map<string, string[]>();
  for (const port of ports) {
    const key = `ports.${port.targetPort}/${port.protocol ?? 'tcp'}`;
    const text = `published as ${port.publishedPort || 'any'}${port.publishMode === 'host' ? ' on the host' : ''}`;
    byTarget.set(key, [...(byTarget.get(key) ?? []), text]);
  }
  return [...byTarget].map(([key, texts]) => [key, texts.sort().join(', ')]);
}
