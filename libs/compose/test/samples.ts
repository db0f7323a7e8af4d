/** Keys by path, each with values that the schema takes; `since` is the y of the first version 3.y that has the key. */
export interface Sample {
  /** Below the service, or from the top when it begins with a section's name and a slash. */
  path: string;
  values: string[];
  since?: number;
}

const block = ['{parallelism: 2}', '{parallelism: 0, delay: 5s, failure_action: continue, monitor: 1m, max_failure_ratio: 0.3}', '{}'];

export const samples: Sample[] = [
  { path: 'build', values: ['.', '{context: ., dockerfile: D, args: {A: 1, B: }, labels: [a=b]}', '{}', '{args: [A, B=2]}'] },
  { path: 'build.cache_from', values: ['[a, b]', '[c]'], since: 2 },
  { path: 'build.labels', values: ['{a: b}', '[c]'], since: 3 },
  { path: 'build.network', values: ['n'], since: 4 },
  { path: 'build.target', values: ['n'], since: 4 },
  { path: 'build.shm_size', values: ['5', '5m'], since: 5 },
  { path: 'build.extra_hosts', values: ['["a:1.1.1.1"]', '{b: 1.1.1.2}'], since: 9 },
  { path: 'build.unknown', values: ['1'], since: 11 },
  { path: 'cap_add', values: ['[A, B]', '[B, C]', '[]'] },
  { path: 'cap_drop', values: ['[A]', '[ALL]'] },
  { path: 'cgroup_parent', values: ['a', 'b', '""'] },
  { path: 'cgroupns_mode', values: ['host', 'private'], since: 9 },
  { path: 'command', values: ['a b', '[c]', '""', '[]', '"echo \'a b\' \\"c d\\" # e"'] },
  { path: 'configs', values: ['[a, b]', '[{source: b, target: /x, uid: "1", gid: "2", mode: 0440}, a]', '[{}]', '[{Source: x, other: 1}]', '[a, a]', '[]'], since: 3 },
  { path: 'container_name', values: ['a', 'b'] },
  { path: 'credential_spec', values: ['{file: a}', '{registry: b}', '{}'], since: 3 },
  { path: 'credential_spec.config', values: ['a'], since: 8 },
  { path: 'depends_on', values: ['[a, b]', '[c]'] },
  { path: 'deploy', values: ['', '{}', '{mode: global}', '{mode: replicated, replicas: 3}', '{replicas: 0}', '{labels: {a: b}}', '{labels: [a, c=d]}'] },
  { path: 'deploy.endpoint_mode', values: ['vip', 'DNSRR'], since: 2 },
  { path: 'deploy.update_config', values: block },
  { path: 'deploy.update_config.order', values: ['start-first', 'stop-first'], since: 4 },
  { path: 'deploy.rollback_config', values: [...block, '{order: stop-first}'], since: 7 },
  { path: 'deploy.resources', values: ['{}', '{limits: {}}', '{limits: {cpus: "0.5", memory: 50M}, reservations: {memory: 1g}}', '{limits: {cpus: "1"}}'] },
  { path: 'deploy.resources.limits.pids', values: ['5', '0', '-1'], since: 9 },
  {
    path: 'deploy.resources.reservations.generic_resources',
    values: ['[{discrete_resource_spec: {kind: gpu, value: 2}}]', '[{}]', '[]', '[{discrete_resource_spec: {}}]', '[{discrete_resource_spec: {value: 1.5}}]'],
    since: 5,
  },
  { path: 'deploy.restart_policy', values: ['{condition: any, delay: 5s, max_attempts: 3, window: 1m}', '{delay: 0s, max_attempts: 0}', '{}', '{condition: ""}'] },
  { path: 'deploy.placement', values: ['{constraints: [node.role==manager, "node.labels.disk != ssd"]}', '{constraints: [node.id==x]}', '{}'] },
  { path: 'deploy.placement.preferences', values: ['[{spread: a}, {}]', '[]', '[{spread: b}]'], since: 3 },
  { path: 'deploy.placement.max_replicas_per_node', values: ['2', '0', '3'], since: 8 },
  { path: 'devices', values: ['[/a, /b]', '[/c]'] },
  { path: 'dns', values: ['1.1.1.1', '[1.1.1.1, 8.8.8.8]', '[]'] },
  { path: 'dns_search', values: ['a', '[b, c]'] },
  { path: 'domainname', values: ['a', 'b'] },
  { path: 'entrypoint', values: ['a b', '[c, d]', '""'] },
  { path: 'environment', values: ['{A: 1, B: x, C: , D: "", E: 1.50, F: 0x10}', '[A=1, B, C=, "D=a=b"]', '{A: "", C: y}', '{}', '{HOME: , PATH2: }', '[HOME=]', '{A: 2020-01-01}'] },
  { path: 'expose', values: ['[80, "90"]', '[80-90]', '[1.5]'] },
  { path: 'external_links', values: ['[a, b]', '[c]'] },
  { path: 'extra_hosts', values: ['["a:1.1.1.1", "b=2.2.2.2", "c:[::1]", d]', '{z: 1.1.1.1, a: "::1", n: , i: 5, f: 1.5}', '["a:1.1.1.3"]'] },
  { path: 'healthcheck', values: ['{test: a b}', '{test: [CMD, a], interval: 5s, timeout: 1m30s, retries: 3}', '{disable: true}', '{}', '{interval: 0s, retries: 0}', '{retries: 1.5}', '{test: []}'] },
  { path: 'healthcheck.start_period', values: ['5s', '0s'], since: 4 },
  { path: 'healthcheck.start_interval', values: ['500ms'], since: 12 },
  { path: 'hostname', values: ['a', 'b'] },
  { path: 'image', values: ['a', 'b:1', '""'] },
  { path: 'init', values: ['true', 'false'], since: 7 },
  { path: 'ipc', values: ['host', 'a'] },
  { path: 'isolation', values: ['hyperv', 'a'], since: 5 },
  { path: 'labels', values: ['{a: b, c: , d: 5}', '[a, b=c]', '{a: ""}', '{}', '{a: 1e6, b: 0.1, c: 1_000}'] },
  { path: 'links', values: ['[a, b]', '[c]'] },
  { path: 'logging', values: ['{driver: a}', '{driver: a, options: {x: 1, y: , z: a}}', '{driver: b, options: {x: 2}}', '{options: {w: 1}}', '{}', '{driver: a, options: {}}'] },
  { path: 'mac_address', values: ['"02:42:ac:11:65:43"', 'a'] },
  { path: 'network_mode', values: ['host', 'bridge'] },
  { path: 'networks', values: ['[a, b]', '{a: , b: {aliases: [x], ipv4_address: 1.1.1.1}}', '{b: {aliases: [y]}, c: {}}', '{b: {ipv6_address: "::1"}}', '{}', '[]', '{b: }'] },
  { path: 'networks.a.driver_opts', values: ['{x: 1}', '{y: b}', '{}'], since: 13 },
  { path: 'oom_score_adj', values: ['5', '-5'], since: 13 },
  { path: 'pid', values: ['host', '""', 'null'] },
  { path: 'ports', values: ['["80", 81]', '["8080:80", "53:53/udp", "53:53"]', '["9000-9002:80", "7-9:7-9", 65535]', '["127.0.0.1:80:80"]', '[]', '["[::1]:80:80/sctp"]', '["81:80"]'] },
  { path: 'ports', values: ['[{target: 80, published: 8080, protocol: udp, mode: host}]', '[{target: 80}, {}]', '[{target: 81, published: 8080}]', '[{published: 4294967376}]', '[{target: 80.0}]'], since: 2 },
  { path: 'privileged', values: ['true', 'false'] },
  { path: 'read_only', values: ['true', 'false'] },
  { path: 'restart', values: ['always', 'no', '"no"', 'on-failure:3', '""'] },
  { path: 'secrets', values: ['[a, b]', '[{source: b, target: x, mode: 0o400}]', '[{mode: 0}]'], since: 1 },
  { path: 'security_opt', values: ['[a, b]', '[c]'] },
  { path: 'shm_size', values: ['64M'] },
  { path: 'stdin_open', values: ['true', 'false'] },
  { path: 'stop_grace_period', values: ['1m30s', '0s', '1.5h', '100ms', '1us', '2h45m'] },
  { path: 'stop_signal', values: ['SIGINT', 'SIGTERM'] },
  { path: 'sysctls', values: ['{a.b: 1}', '[c=d, a.b=2]', '[e]'] },
  { path: 'tmpfs', values: ['/a', '[/b, /c]'] },
  { path: 'tty', values: ['true', 'false'] },
  { path: 'ulimits', values: ['{a: 5, b: {soft: 1, hard: 2}}', '{b: 6}', '{a: 0, c: {soft: 0, hard: 0}}', '{a: -1}', '{B: 5}', '{a: {soft: 3, hard: 4}}'] },
  { path: 'user', values: ['root', '"1000"'] },
  { path: 'userns_mode', values: ['host'] },
  { path: 'volumes', values: ['[a:/a, ./b:/b, /c]', '[d:/a:ro, ~/x:/x]', '[]', '[a:/a, b:/a2]'] },
  {
    path: 'volumes',
    values: [
      '[{type: volume, source: a, target: /a, read_only: true, volume: {nocopy: true, subpath: s}}]',
      '[{type: bind, source: ./x, target: /a, bind: {propagation: shared, create_host_path: true}, consistency: cached}]',
      '[{type: tmpfs, target: /t}, {type: "", target: /u}, {type: other}]',
      '[{type: volume, volume: {}}, {type: volume, bind: {}, target: x}]',
    ],
    since: 2,
  },
  { path: 'volumes.tmpfs', values: ['[{type: tmpfs, target: /t, tmpfs: {size: 1000}}]', '[{type: tmpfs, tmpfs: {}}]', '[{type: tmpfs, tmpfs: {size: 0}}]'], since: 6 },
  { path: 'working_dir', values: ['/a', '/b'] },
  { path: 'x-any', values: ['{a: [1, x, {b: }], c: 1.0}', '[2]', '3', ''], since: 7 },

  { path: '/networks/n', values: ['', '{}', '{driver: overlay, driver_opts: {a: 1}, ipam: {driver: default, config: [{subnet: 10.0.0.0/8}, {}]}, internal: true, labels: [a=b]}', '{external: true}', '{external: false}', '{external: {name: x}}', '{ipam: {}}', '{external: {}}', '{external: true, driver: x}'] },
  { path: '/networks/n.name', values: ['a'], since: 5 },
  { path: '/networks/n.attachable', values: ['true', 'false'], since: 2 },
  { path: '/networks/n.x-a', values: ['1'], since: 7 },
  { path: '/volumes/v', values: ['', '{}', '{driver: d, driver_opts: {a: 1, b: c}, labels: {a: }}', '{external: true}', '{external: {name: x}}', '{external: false, driver: x}', '{external: true, driver_opts: {}}'] },
  { path: '/volumes/v.name', values: ['a'], since: 4 },
  { path: '/volumes/v.x-a', values: ['1'], since: 7 },
  {
    path: '/volumes/v.x-cluster-spec',
    values: [
      '{}',
      '{group: g, access_mode: {scope: single, sharing: none, mount_volume: {fs_type: ext4, mount_flags: [a]}, block_volume: {}}, capacity_range: {required_bytes: 5M, limit_bytes: 1g}, availability: active}',
      '{accessibility_requirements: {requisite: [{segments: {a: b}}, {segments: [c=d]}], preferred: [{}]}, secrets: [{key: a, secret: b}]}',
    ],
    since: 7,
  },
  { path: '/secrets/s', values: ['{}', '{file: ./f, labels: {a: b}}', '{file: /abs/../f}', '{external: true}', '{external: {name: x, other: 1}}', '{external: false}'], since: 1 },
  { path: '/secrets/s.name', values: ['a'], since: 5 },
  { path: '/secrets/s.driver', values: ['d'], since: 8 },
  { path: '/secrets/s.driver_opts', values: ['{a: 1}'], since: 8 },
  { path: '/secrets/s.template_driver', values: ['golang'], since: 8 },
  { path: '/secrets/s.x-a', values: ['1'], since: 7 },
  { path: '/configs/c', values: ['{}', '{file: ./f, labels: [a]}', '{external: true}', '{external: {name: x}}'], since: 3 },
  { path: '/configs/c.name', values: ['a'], since: 5 },
  { path: '/configs/c.template_driver', values: ['golang'], since: 8 },
  { path: '/configs/c.x-a', values: ['1'], since: 7 },
  { path: '/x-top', values: ['{a: 1}', 'text', '[1, 2]'], since: 4 },
];

/** A compose file in which only this key is set. */
export function fileWith(path: string, value: string, version?: string): string {
  const header = version === undefined ? '' : `version: "${version}"\n`;
  return header + nest(path.startsWith('/') ? path.slice(1).replace('/', '.') : `services.s.${path === 'volumes.tmpfs' ? 'volumes' : path}`, value);
}

function nest(path: string, value: string): string {
  const parts = path.split('.');
  const lines = parts.map((part, index) => `${'  '.repeat(index)}${part}:`);
  return `${lines.join('\n')} ${value}\n`;
}

/** Every value of every key alone, in the newest version. */
export function valueCases(): { name: string; files: string[] }[] {
  return samples.flatMap(({ path, values }) => values.map((value) => ({ name: `${path}: ${value}`, files: [fileWith(path, value)] })));
}

/** Values of the wrong kind, in turn for every key. */
const odd = ['null', 'true', '1', '-1', '1.5', 'text', '""', '[]', '[1]', '[a, a]', '[null]', '[{}]', '[[a]]', '{}', '{a: 1}', '{a: null}', '{a: true}', '{a: [b]}', '{a: {b: c}}', '2020-01-01', '99999999999999999999', '.inf'];

export function oddCases(): { name: string; files: string[] }[] {
  const paths = [...new Set(samples.map(({ path }) => path))];
  return paths.flatMap((path) => odd.map((value) => ({ name: `${path}: ${value}`, files: [fileWith(path, value)] })));
}

/** Each key around the version that brought it, and in the oldest and newest. */
export function versionCases(): { name: string; files: string[] }[] {
  return samples.flatMap(({ path, values, since = 0 }) => {
    const minors = new Set([0, since - 1, since, 13].filter((minor) => minor >= 0));
    const value = values.find((candidate) => candidate !== '' && candidate !== '{}') ?? '';
    return [...minors].map((minor) => ({ name: `3.${minor} ${path}: ${value}`, files: [fileWith(path, value, `3.${minor}`)] }));
  });
}

/** Two files that both set a key, to each pair of its values, and one that does not mention it. */
export function mergeCases(): { name: string; files: string[] }[] {
  return samples.flatMap(({ path, values }) => {
    const rest = fileWith('hostname', 'other');
    const pairs = values.flatMap((first) => values.map((second) => [fileWith(path, first), fileWith(path, second)]));
    const alone = values.flatMap((value) => [[fileWith(path, value), rest], [rest, fileWith(path, value)]]);
    return [...pairs, ...alone].map((files) => ({ name: `${path}: ${files.map((text) => text.trim().split('\n').at(-1)).join(' + ')}`, files }));
  });
}

const declared = 'networks: {a: , b: {name: bb}, c: {external: true}}\nvolumes: {a: , b: {driver: d}, d: {external: true}}\nsecrets: {a: {external: true}, b: {file: ./f}}\nconfigs: {a: {file: ./f}, b: {external: true, name: z}}\n';
const users: Record<string, string> = {
  '/networks/n': 'networks: [n]',
  '/volumes/v': 'volumes: ["v:/v"]',
  '/secrets/s': 'secrets: [s]',
  '/configs/c': 'configs: [c]',
};

/** Each value of each key in a file that can be deployed: with an image, and with everything that it refers to. */
export function deployCases(): { name: string; files: string[]; extra: Record<string, string> }[] {
  return samples.flatMap(({ path, values }) =>
    values.map((value) => ({ name: `${path}: ${value}`, files: [deployable(path, value)], extra: { f: 'content\n', 'abs/f': '' } })),
  );
}

function deployable(path: string, value: string): string {
  const user = Object.entries(users).find(([prefix]) => path.startsWith(prefix))?.[1];
  if (path.startsWith('/')) return `services: {s: {image: i, ${user ?? ''}}}\n${fileWith(path, value)}`;
  if (path === 'image') return fileWith(path, value) + declared;
  return fileWith(path, value).replace('  s:\n', '  s:\n    image: i:1\n') + declared;
}
