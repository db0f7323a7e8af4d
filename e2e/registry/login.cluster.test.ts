import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startDockerRegistry, type DockerRegistry } from '../harness/docker-registry.js';
import { distDir, prefix, useCluster } from '../harness/fixture.js';
import { run } from '../harness/run.js';
import { until } from '../harness/wait.js';

/** A registry that wants a login, and the ways in which one reaches the nodes. */

const registryAddress = `${prefix}.254:5000`;
const first = { username: 'first', password: 'hunter2-first' };
const second = { username: 'second', password: 'hunter2-second' };
const test = useCluster({ nodes: 2, agentArgs: ['--insecure-registry', registryAddress], imageArchives: [] });

let registry: DockerRegistry;
beforeAll(async () => {
  registry = await startDockerRegistry(registryAddress, [first, second]);
  for (const tag of ['1', '2', '3']) await registry.push(`oci-archive:${join(distDir, 'images/whoami-1.tar')}`, `team/whoami:${tag}`);
});
afterAll(() => registry?.stop());

/** A folder with docker's configuration after `docker login`. */
function loggedIn(name: string, { username, password }: { username: string; password: string }): string {
  const dir = join(test.dir, name);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ auths: { [registryAddress]: { auth: Buffer.from(`${username}:${password}`).toString('base64') } } }));
  return dir;
}

const stack = (replicas: number, tag = '1') => `services: { web: { image: '${registryAddress}/team/whoami:${tag}', deploy: { replicas: ${replicas}, restart_policy: { condition: none } } } }`;

async function deploy(text: string, configDir?: string): Promise<{ status: number; output: string }> {
  const flags = configDir ? ['--with-registry-auth'] : [];
  const { status, stdout, stderr } = await test.cluster.shoal(['stack', 'deploy', ...flags, '-c', test.file('stack.yml', text), 'private'], {
    deadlineMs: 120_000,
    ...(configDir && { env: { DOCKER_CONFIG: configDir } }),
  });
  return { status, output: stdout + stderr };
}

const taskIds = async (service: string) => (await test.running(service)).map(({ ID }) => ID).sort();

it('refuses those without a login, and the message says what to do', async () => {
  const { status, output } = await deploy(stack(1));
  expect(output).toMatch(/the registry wants a login.*--with-registry-auth/s);
  expect(status).toBe(1);
  await test.remove('private');
});

it('serves a stack that was deployed with the login of docker login', async () => {
  expect(await deploy(stack(1), loggedIn('one', first))).toMatchObject({ status: 0 });
  await test.untilRunning('private_web', 1);
});

it('serves a node that gets its first task later, without a login at hand', async () => {
  await test.cluster.shoal(['service', 'scale', '--detach', 'private_web=4']);
  const tasks = await test.untilRunning('private_web', 4);
  expect(new Set(tasks.map(({ NodeID }) => NodeID)).size).toBe(2);
});

it('gets another login without a restart of any task', async () => {
  const before = await taskIds('private_web');
  const { output } = await deploy(stack(4), loggedIn('two', second));
  expect(output).toContain('registry login; no task restarts');
  expect(await taskIds('private_web')).toEqual(before);
  expect(await deploy(stack(4), loggedIn('two', second))).toMatchObject({ status: 0, output: expect.stringContaining('nothing changed') });
});

it('refuses a wrong password, and takes the right one from the docker CLI', async () => {
  const wrong = await deploy(stack(2, '2'), loggedIn('wrong', { ...first, password: 'hunter2-wrong' }));
  expect(wrong.status).toBe(1);
  expect(wrong.output).toContain('401');
  expect(wrong.output).not.toContain('hunter2');
  const update = ['service', 'update', '--with-registry-auth', '--no-resolve-image', '--image', `${registryAddress}/team/whoami:3`, '--update-delay', '0s', '--update-monitor', '100ms', 'private_web'];
  const updated = await test.cluster.docker(['--config', loggedIn('one', first), ...update], { deadlineMs: 120_000 });
  expect(updated, updated.stderr).toMatchObject({ status: 0 });
  await test.untilRunning('private_web', 2);
});

it('serves docker service create and docker stack deploy with the flag', async () => {
  const config = ['--config', loggedIn('one', first)];
  const image = `${registryAddress}/team/whoami:2`;
  const created = await test.cluster.docker([...config, 'service', 'create', '--with-registry-auth', '--no-resolve-image', '--mode', 'global', '--name', 'everywhere', image], { deadlineMs: 120_000 });
  expect(created, created.stderr).toMatchObject({ status: 0 });
  const file = test.file('other.yml', `version: '3.8'\nservices: { web: { image: '${registryAddress}/team/whoami:1' } }`);
  const deployed = await test.cluster.docker([...config, 'stack', 'deploy', '--with-registry-auth', '--resolve-image', 'never', '-c', file, 'other'], { deadlineMs: 120_000 });
  expect(deployed, deployed.stderr).toMatchObject({ status: 0 });
  await test.untilRunning('everywhere', 2);
  await test.untilRunning('other_web', 1);
});

it('keeps passwords to itself: in no answer, in no log, and in no file once the images are there', async () => {
  for (const path of ['/services', '/tasks', '/shoal/v1/stacks/private', '/nodes']) expect(JSON.stringify(await test.get(path))).not.toMatch(/hunter2|sealed/i);
  const dirs = test.cluster.hosts.flatMap(({ stateDir, runDir }) => [stateDir, runDir]);
  const stored = [first, second].map((login) => Buffer.from(JSON.stringify({ [registryAddress]: login })).toString('base64'));
  const patterns = ['hunter2', ...stored].flatMap((text) => ['-e', text]);
  // A node is told that it needs the login no more right after it has said so.
  await until('no file of the cluster holds a password', async () => {
    expect(await run(['grep', '-rlaF', ...patterns, ...dirs], { deadlineMs: 60_000 })).toMatchObject({ status: 1, stdout: '' });
    return true;
  });
});
