import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { shoal, type RunOptions } from './run-shoal.js';
import { stubManager, type StubManager } from './stub-manager.js';

let manager: StubManager;
let directory = '';
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'shoal-create-'));
  manager = await stubManager(({ method, path }) => {
    if (method === 'POST') return { status: 201, json: { ID: 'new', Id: 'new', Warnings: ['a warning'] } };
    if (path.endsWith('/networks/front')) return { json: { Id: 'net1', Name: 'front' } };
    if (path.endsWith('/services/new')) return { json: { ID: 'new', Spec: { Name: 'web', TaskTemplate: {} } } };
    return undefined;
  });
});
afterEach(async () => {
  await manager.close();
  rmSync(directory, { recursive: true });
});

async function run(args: string[], options: RunOptions = {}) {
  const result = await shoal(args, { host: manager.host, workingDir: directory, ...options });
  return { ...result, body: manager.seen.find(({ method }) => method === 'POST')?.body };
}

test('a secret from stdin, a config from a file', async () => {
  const secret = await run(['secret', 'create', '-l', 'a=b', 'key', '-'], { stdin: 'top' });
  expect(secret).toMatchObject({ status: 0, out: 'new\n', body: { Name: 'key', Labels: { a: 'b' }, Data: 'dG9w' } });
  writeFileSync(join(directory, 'c.conf'), 'text');
  await run(['config', 'create', 'conf', 'c.conf']);
  expect(manager.seen.at(-1)).toMatchObject({ path: '/v1.41/configs/create', body: { Name: 'conf', Labels: {}, Data: 'dGV4dA==' } });
});

test('a file that cannot be read creates nothing', async () => {
  expect(await run(['secret', 'create', 'key', 'none'])).toMatchObject({
    status: 1,
    err: "cannot read the secret's content from none: no such file or directory\n",
    body: undefined,
  });
});

test('each address of a network goes with the subnet that it lies in', async () => {
  const flags = ['--ipv6', '--ingress', '--gateway', 'fd20::ff', '--ip-range', '10.20.0.128/25', '--aux-address', 'router=10.20.0.9', '--ipam-opt', 'a=b'];
  const { body } = await run(['network', 'create', '--subnet', '10.20.0.0/24', '--subnet', 'fd20::/64', ...flags, 'front']);
  expect(body).toMatchObject({
    EnableIPv6: true,
    Ingress: true,
    IPAM: { Options: { a: 'b' }, Config: [{ Subnet: '10.20.0.0/24', IPRange: '10.20.0.128/25', AuxiliaryAddresses: { router: '10.20.0.9' } }, { Subnet: 'fd20::/64', Gateway: 'fd20::ff' }] },
  });
  expect((await run(['network', 'create', '--gateway', '10.1.1.1', 'front'])).err).toContain('--gateway 10.1.1.1: it lies in no --subnet');
});

test('a network', async () => {
  const { out, body } = await run(['network', 'create', '--subnet', '10.20.0.0/24', '--attachable', '-o', 'encrypted=', 'front']);
  expect(out).toBe('new\n');
  expect(body).toMatchObject({
    Name: 'front',
    Driver: 'overlay',
    Attachable: true,
    IPAM: { Config: [{ Subnet: '10.20.0.0/24' }] },
    Options: { encrypted: '' },
  });
});

test('a service', async () => {
  const args = ['service', 'create', '-d', '--name', 'web', '--replicas', '2', '--network', 'front', '-p', '8080:80', '-e', 'A=1', 'web:1', '--', 'serve', '-v'];
  const { status, out, err, body } = await run(args);
  expect({ status, out, err }).toEqual({ status: 0, out: 'new\n', err: 'a warning\n' });
  expect(body).toMatchObject({
    Name: 'web',
    Mode: { Replicated: { Replicas: 2 } },
    TaskTemplate: { ContainerSpec: { Image: 'web:1', Args: ['serve', '-v'], Env: ['A=1'] }, Networks: [{ Target: 'net1' }] },
    EndpointSpec: { Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' }] },
  });
});

test.each([
  [['service', 'create', '-p', 'http', 'web:1'], '--publish: "http"'],
  [['service', 'create', '--mode', 'global', '--replicas', '2', 'web:1'], 'only a replicated service has replicas'],
  [['service', 'create', '--network', 'back', 'web:1'], 'no such network: back'],
  [['secret', 'create', '-l', '=x', 'key', '-'], 'bad label "=x"'],
])('%j creates nothing', async (args, message) => {
  const own = await stubManager(({ path }) => (path.endsWith('/networks') ? { json: [] } : undefined));
  const result = await shoal(args, { host: own.host });
  await own.close();
  expect(result.err).toContain(message);
  expect(result.status).not.toBe(0);
  expect(own.seen.some(({ method }) => method === 'POST')).toBe(false);
});
