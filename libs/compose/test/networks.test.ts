import { expect, it } from 'vitest';
import type { StackSpec } from '../../model/src/index.js';
import { formatProblem, loadCompose, toStackSpec } from '../src/index.js';

/** What becomes of the networks of a file and of what services say about theirs. */

interface Converted {
  spec: StackSpec | undefined;
  notes: string[];
  problems: string[];
}

function convert(text: string): Converted {
  const loaded = loadCompose({ files: [{ path: 'a.yml', text }], workingDir: '/w', env: {} });
  const stack = loaded.ok ? toStackSpec(loaded.config, 'st', () => undefined) : loaded;
  if (!stack.ok) return { spec: undefined, notes: [], problems: stack.problems.map(formatProblem) };
  const notes = [...(loaded.ok ? loaded.notes : []), ...('notes' in stack ? stack.notes : [])];
  return { spec: 'spec' in stack ? stack.spec : undefined, notes: notes.map(({ kind, path, message }) => `${kind} ${path}: ${message}`), problems: [] };
}

function networks(...lines: string[]): string {
  return `services: {a: {image: i, networks: [n]}}\nnetworks:\n  n:\n${lines.map((line) => `    ${line}\n`).join('')}`;
}

function service(own: string, rest = 'n: {ipam: {config: [{subnet: 10.9.0.0/24}, {subnet: "fd09::/64"}]}}'): string {
  return `services:\n  a: {image: i, ${own}}\n  b: {image: i, networks: [n]}\nnetworks: {${rest}, m: }\n`;
}

it('hands on everything that a network says', () => {
  const { spec, notes, problems } = convert(
    networks(
      'enable_ipv6: true',
      'driver_opts: {com.docker.network.driver.mtu: 1400}',
      'ipam: {driver: default, options: {a: b}, config: [{subnet: 10.9.0.0/16, ip_range: 10.9.4.0/24, gateway: 10.9.0.254, aux_addresses: {router: 10.9.4.1}}, {subnet: "fd09::/64", gateway: "fd09::ff"}]}',
      'internal: true',
      'attachable: true',
      'labels: {x: y}',
    ),
  );
  expect({ notes, problems }).toEqual({ notes: [], problems: [] });
  expect(spec!.networks).toEqual([
    {
      name: 'st_n',
      labels: { x: 'y', 'com.docker.stack.namespace': 'st' },
      driver: 'overlay',
      driverOpts: { 'com.docker.network.driver.mtu': '1400' },
      internal: true,
      attachable: true,
      ingress: false,
      ipv6: true,
      ipam: {
        driver: 'default',
        options: { a: 'b' },
        configs: [
          { subnet: '10.9.0.0/16', ipRange: '10.9.4.0/24', gateway: '10.9.0.254', auxAddresses: { router: '10.9.4.1' } },
          { subnet: 'fd09::/64', gateway: 'fd09::ff' },
        ],
      },
    },
  ]);
});

it('refuses addresses that cannot be, with their place', () => {
  const place = (text: string) => convert(text).problems.map((line) => line.replace(/^a\.yml:/, ''));
  expect(place(networks('ipam: {config: [{subnet: 10.9.0.0/24, gateway: 10.8.0.1}]}'))).toEqual(['4:5  networks.n.ipam: 10.8.0.1 does not lie in the subnet 10.9.0.0/24']);
  expect(place(networks('ipam: {config: [{subnet: 10.9.0.0/24}, {subnet: 10.9.0.128/25}]}'))).toEqual(['4:5  networks.n.ipam: the subnets 10.9.0.0/24 and 10.9.0.128/25 overlap']);
  expect(place(networks('driver_opts: {com.docker.network.mtu: tiny}'))).toEqual(['4:5  networks.n.driver_opts: the MTU tiny is no number from 68 to 65535']);
  expect(place(networks('driver_opts: {com.docker.network.mtu: 1000}', 'enable_ipv6: true'))).toEqual(['4:5  networks.n.driver_opts: the MTU 1000 is no number from 1280 to 65535']);
  expect(place(networks('enable_ipv4: false'))).toEqual(['4:5  networks.n.enable_ipv4: every network has IPv4 (remove the key; enable_ipv6 adds IPv6)']);
});

it('tells driver options that nothing acts on', () => {
  expect(convert(networks('driver_opts: {com.example.colour: red}')).notes).toEqual([
    'not-executed networks.n.driver_opts.com.example.colour: "com.example.colour" has no effect: known are com.docker.network.driver.mtu and com.docker.network.mtu',
  ]);
});

it('gives a service the addresses, names and order of networks that it asks for', () => {
  const { spec, notes, problems } = convert(
    service('networks: {m: , n: {ipv4_address: 10.9.0.7, ipv6_address: "fd09::7", mac_address: 02-42-00-00-00-07, gw_priority: 2, aliases: [x]}}'),
  );
  expect({ notes, problems }).toEqual({ notes: [], problems: [] });
  expect(spec!.services[0]!.template.networks).toEqual([
    { target: 'st_m', aliases: ['a'] },
    { target: 'st_n', aliases: ['x', 'a'], addresses: ['10.9.0.7', 'fd09::7'], macAddress: '02:42:00:00:00:07', priority: 2 },
  ]);
});

it('refuses an address that no task, or more than one, would have', () => {
  const problemsOf = (own: string) => convert(service(own)).problems.map((text) => text.replace(/^\S+ {2}services\.a\./, ''));
  expect(problemsOf('networks: {n: {ipv4_address: 10.8.0.7}}')).toEqual(['networks.n.ipv4_address: 10.8.0.7 lies in no subnet of the network (choose an address of one of the subnets in its ipam.config)']);
  expect(problemsOf('networks: {n: {ipv4_address: seven}}')).toEqual(['networks.n.ipv4_address: "seven" is not an IPv4 address']);
  const only = (tasks: string) => [`networks.n.ipv4_address: only one task can have the address 10.9.0.7, and the service has ${tasks} (set deploy.replicas to 1, or let the cluster choose addresses)`];
  expect(problemsOf('networks: {n: {ipv4_address: 10.9.0.7}}, deploy: {replicas: 2}')).toEqual(only('2 tasks'));
  expect(problemsOf('networks: {n: {ipv4_address: 10.9.0.7}}, deploy: {mode: global}')).toEqual(only('a task on every node'));
});

it('tells an address in a network whose subnet the cluster chooses', () => {
  expect(convert(service('networks: {n: {ipv4_address: 10.9.0.7}}', 'n: ')).notes).toEqual([
    'ignored services.a.networks.n.ipv4_address: "ipv4_address" has no effect: the network gets its subnet from the cluster; give it one in ipam.config that 10.9.0.7 lies in',
    'ignored networks.m: the network "m" is not created, because no service uses it',
  ]);
});

it('makes a name of the alias of a link, and tells links that lead nowhere', () => {
  const { spec, notes } = convert(service('networks: [n, m], links: [b, "b:database", "c:x"]'));
  expect(spec!.services.map(({ template }) => template.networks.map(({ target, aliases }) => `${target} ${aliases.join(' ')}`))).toEqual([['st_m a', 'st_n a'], ['st_n database b']]);
  expect(notes).toEqual(['ignored services.a.links[2]: the link "c:x" has no effect: the service "c" is not declared (did you mean "a"?)']);
  expect(convert(service('networks: [m], links: ["b:database"]')).notes).toEqual(['ignored services.a.links[0]: the link "b:database" has no effect: "a" and "b" have no network in common']);
});
