import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { putTask, startHttpHarness, withoutDetachNotice, workerNodeId, type HttpHarness } from './http-harness.js';

/** `docker stack …`, unmodified, against this API. */

const compose = (replicas: string) => `
version: '3.8'
services:
  web:
    image: shoal/whoami:1
    deploy:
      ${replicas}
      resources:
        limits: { cpus: '0.1', memory: 50M }
      restart_policy: { condition: on-failure }
    ports: ['4000:80']
    networks: [webnet]
    secrets: [key]
    configs: [{ source: conf, target: /etc/conf, mode: 0440 }]
  cache:
    image: redis:7
    volumes: ['data:/data']
    healthcheck: { test: ['CMD', 'redis-cli', 'ping'], interval: 5s }
networks:
  webnet:
volumes:
  data:
secrets:
  key: { file: ./key.txt }
configs:
  conf: { file: ./key.txt }
`;

let harness: HttpHarness;
let folder: string;
beforeAll(async () => {
  harness = await startHttpHarness();
  folder = await mkdtemp(join(tmpdir(), 'shoal-stack-'));
  await writeFile(join(folder, 'key.txt'), 'very secret\n');
  await writeFile(join(folder, 'stack.yml'), compose('replicas: 5'));
});
afterAll(async () => {
  await harness?.end();
  await rm(folder, { recursive: true, force: true });
});

const deploy = async (...flags: string[]) => withoutDetachNotice(await harness.docker('stack', 'deploy', ...flags, '-c', join(folder, 'stack.yml'), 'app'));
const revision = () => harness.store.view().named('service', 'app_web')!.version;

test('deploy creates everything; the same file again makes no task anew', async () => {
  const first = await deploy('--resolve-image', 'never');
  expect({ ...first, stdout: first.stdout.split('\n').sort() }).toMatchObject({ exitCode: 0, stderr: '' });
  for (const line of ['Creating network app_webnet', 'Creating network app_default', 'Creating secret app_key', 'Creating config app_conf', 'Creating service app_web', 'Creating service app_cache']) {
    expect(first.stdout).toContain(line);
  }
  const before = revision();
  expect((await deploy('--resolve-image', 'never')).exitCode).toBe(0);
  expect(harness.store.view().named('service', 'app_web')!.templateVersion).toBe(1);
  expect(revision()).toBe(before);
});

test('stack ls, services and ps', async () => {
  await putTask(harness, 'app_web', { slot: 1, nodeId: workerNodeId, state: 'running' });
  expect((await harness.docker('stack', 'ls', '--format', '{{.Name}} {{.Services}}')).stdout).toBe('app 2\n');
  const services = await harness.docker('stack', 'services', 'app', '--format', '{{.Name}} {{.Mode}} {{.Replicas}} {{.Image}}');
  expect(services.stdout.trim().split('\n').sort()).toEqual(['app_cache replicated 0/1 redis:7', 'app_web replicated 1/5 shoal/whoami:1']);
  expect((await harness.docker('stack', 'ps', 'app', '--format', '{{.Name}} {{.Node}} {{.DesiredState}}')).stdout).toBe('app_web.1 w1 Running\n');
  expect((await harness.docker('stack', 'ps', 'nope')).stderr).toBe('nothing found in stack: nope\n');
});

test('a deploy that scales changes no template', async () => {
  await writeFile(join(folder, 'stack.yml'), compose('replicas: 8'));
  await deploy();
  const service = harness.store.view().named('service', 'app_web')!;
  expect(service.spec.mode).toEqual({ kind: 'replicated', replicas: 8 });
  expect(service.templateVersion).toBe(1);
});

test('changing the content of a secret is refused as Docker refuses it', async () => {
  await writeFile(join(folder, 'key.txt'), 'another\n');
  expect(await deploy()).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('only updates to Labels are allowed') });
  await writeFile(join(folder, 'key.txt'), 'very secret\n');
});

test('both deployers come to the same: after docker, our own deploy changes nothing, and the other way round', async () => {
  await harness.docker('stack', 'rm', 'app');
  const content = Buffer.from('very secret\n').toString('base64');
  const text = compose('replicas: 8');
  const own = () =>
    harness.call('POST', '/shoal/v1/stacks/app', { files: [{ path: 'stack.yml', text }], workingDir: folder, attachments: { [join(folder, 'key.txt')]: content } });
  await deploy();
  expect((await own()).json).toMatchObject({ message: 'nothing changed', revision: 1 });
  await harness.call('DELETE', '/shoal/v1/stacks/app');
  await own();
  const versions = () => [...harness.store.view().all('service')].map((service) => [service.spec.name, service.templateVersion, service.previousSpec]);
  const before = versions();
  expect((await deploy()).exitCode).toBe(0);
  expect(versions()).toEqual(before);
  await harness.docker('stack', 'rm', 'app');
  await deploy();
});

test('our own API sees the stack, and docker stack rm leaves nothing', async () => {
  expect((await harness.call('GET', '/shoal/v1/stacks')).json).toEqual([{ name: 'app', revision: 0, services: 2 }]);
  const removed = await harness.docker('stack', 'rm', 'app');
  expect(removed.exitCode).toBe(0);
  for (const kind of ['service', 'network', 'secret', 'config', 'stack'] as const) expect([kind, harness.store.view().count(kind)]).toEqual([kind, 0]);
});

test('a port that a service of another stack has', async () => {
  await deploy();
  const { stderr, exitCode } = await harness.docker('stack', 'deploy', '-c', join(folder, 'stack.yml'), 'other');
  expect({ stderr, exitCode }).toEqual({ stderr: expect.stringContaining("port '4000' is already in use by service 'app_web'"), exitCode: 1 });
  await harness.docker('stack', 'rm', 'app', 'other');
});
