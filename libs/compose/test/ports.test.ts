import { expect, it } from 'vitest';
import type { ServiceSpec, StackSpec } from '../../model/src/index.js';
import { formatProblem, loadCompose, renderConfig, toStackSpec } from '../src/index.js';

/** What becomes of published ports, and of what services say about their traffic. */

function convert(text: string): { spec?: StackSpec; problems: string[]; printed?: string } {
  const loaded = loadCompose({ files: [{ path: 'a.yml', text }], workingDir: '/w', env: {} });
  const stack = loaded.ok ? toStackSpec(loaded.config, 'st', () => undefined) : loaded;
  if (!stack.ok) return { problems: stack.problems.map(formatProblem) };
  return { problems: [], ...('spec' in stack && { spec: stack.spec }), ...(loaded.ok && { printed: renderConfig(loaded.config) }) };
}

function web(own: string, other = ''): ServiceSpec {
  const { spec, problems } = convert(`services:\n  web: {image: i, ${own}}\n  api: {image: i${other}}\n`);
  expect(problems).toEqual([]);
  return spec!.services.find(({ name }) => name === 'st_web')!;
}

function traffic(spec: ServiceSpec): Record<string, string> {
  return Object.fromEntries(Object.entries(spec.labels).filter(([label]) => label.startsWith('shoal.')));
}

it('keeps the address that a port is published at', () => {
  const spec = web('ports: ["127.0.0.1:8080:80", "[::1]:8080:80", "0.0.0.0:81:81", {target: 53, published: 53, protocol: udp, host_ip: 192.0.2.1}]');
  expect(traffic(spec)).toEqual({ 'shoal.port.8080/tcp.host-ip': '127.0.0.1,::1', 'shoal.port.53/udp.host-ip': '192.0.2.1' });
  expect(spec.endpoint!.ports.map(({ publishedPort }) => publishedPort)).toEqual([53, 81, 8080]);
});

it('lets two services have one port at different addresses', () => {
  web('ports: ["127.0.0.1:80:80"]', ', ports: ["192.0.2.1:80:80"]');
  expect(convert('services:\n  a: {image: i, ports: ["127.0.0.1:80:80"]}\n  b: {image: i, ports: ["80:80"]}\n').problems).toEqual([expect.stringContaining('already publishes port 80/tcp')]);
  expect(convert('services:\n  a: {image: i, ports: ["127.0.0.1:80:80", "127.0.0.1:80:81"]}\n').problems).toEqual([expect.stringContaining('already publishes port 80/tcp')]);
});

it('hands on how connections are spread and who may make them', () => {
  const port = '{target: 80, published: 8080, x-locality: local-only, x-affinity: client-ip, x-allow-from: [192.0.2.0/24, "fd00::/8"], x-masquerade: true}';
  expect(traffic(web(`ports: [${port}], deploy: {x-locality: prefer-local, x-affinity: client-ip 30m, x-weight: node.labels.capacity, x-allow: [api, other_stack]}`))).toEqual({
    'shoal.locality': 'prefer-local',
    'shoal.affinity': 'client-ip 30m',
    'shoal.weight': 'node.labels.capacity',
    'shoal.allow': 'st_api,other_stack',
    'shoal.port.8080/tcp.locality': 'local-only',
    'shoal.port.8080/tcp.affinity': 'client-ip',
    'shoal.port.8080/tcp.allow-from': '192.0.2.0/24,fd00::/8',
    'shoal.port.8080/tcp.masquerade': 'true',
  });
  expect(traffic(web('deploy: {x-allow: []}'))).toEqual({ 'shoal.allow': '' });
});

it('publishes ports of a service without a virtual address', () => {
  expect(web('ports: ["80:80"], deploy: {endpoint_mode: dnsrr}').endpoint).toMatchObject({ mode: 'dnsrr', ports: [{ publishedPort: 80 }] });
});

it('tells the place of what makes no sense', () => {
  expect(convert('services:\n  a:\n    image: i\n    ports:\n      - {target: 80, published: 80, x-locality: near}\n').problems).toEqual([expect.stringMatching(/a.yml:5:9.*"near" is not a locality/)]);
  expect(convert('services:\n  a:\n    image: i\n    deploy:\n      x-weight: heavy\n').problems).toEqual([expect.stringContaining('"heavy" is not a weight')]);
});

it('closes a network between services', () => {
  const { spec } = convert('services: {a: {image: i, networks: [n]}}\nnetworks: {n: {x-default-deny: true}}\n');
  expect(spec!.networks[0]!.labels).toMatchObject({ 'shoal.default-deny': 'true' });
});

it('prints what it has read', () => {
  const { printed } = convert('services: {a: {image: i, ports: ["127.0.0.1:80:80"], deploy: {x-allow: [b]}}}\n');
  expect(printed).toContain('host_ip: 127.0.0.1');
  expect(convert(printed!).printed).toBe(printed);
});
