import { afterAll, beforeAll, expect, test } from 'vitest';
import { managerNodeId, putTask, startHttpHarness, workerNodeId, type HttpHarness } from './http-harness.js';

/** The unmodified docker CLI against this API: what it prints is the contract. */

let harness: HttpHarness;
beforeAll(async () => {
  harness = await startHttpHarness();
});
afterAll(() => harness?.end());

/** Columns by any run of blanks, so that widths do not matter. */
async function table(...args: string[]): Promise<string[][]> {
  const { stdout, stderr, exitCode } = await harness.docker(...args);
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  return stdout.trimEnd().split('\n').map((line) => line.trim().split(/\s{2,}/));
}

test('node ls marks itself and the leader', async () => {
  expect(await table('node', 'ls')).toEqual([
    ['ID', 'HOSTNAME', 'STATUS', 'AVAILABILITY', 'MANAGER STATUS', 'ENGINE VERSION'],
    [`${managerNodeId} *`, 'm1', 'Ready', 'Active', 'Leader', '0.1.0'],
    [workerNodeId, 'w1', 'Ready', 'Active', '0.1.0'],
  ]);
});

test('version and info name Shoal and the swarm', async () => {
  const version = await harness.docker('version', '--format', '{{.Server.Platform.Name}} {{.Server.APIVersion}} {{.Server.MinAPIVersion}}');
  expect(version.stdout.trim()).toBe('Shoal 1.50 1.24');
  const info = await harness.docker('info', '--format', '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}} {{.Swarm.Managers}}/{{.Swarm.Nodes}} {{.Name}}');
  expect(info).toEqual({ stdout: 'active true 1/2 m1\n', stderr: '', exitCode: 0 });
});

test('a service is created, listed, scaled, inspected, updated and removed', async () => {
  const created = await harness.docker('service', 'create', '-d', '--no-resolve-image', '--name', 'web', '--replicas', '3', '--label', 'tier=front', '--publish', '8080:80', 'nginx:1', 'sleep', '9');
  expect(created.stderr).toBe('');
  expect(created.stdout).toMatch(/^[0-9a-z]{25}\n$/);
  await putTask(harness, 'web', { slot: 1, nodeId: managerNodeId, state: 'running' });
  await putTask(harness, 'web', { slot: 2, nodeId: workerNodeId, state: 'failed', error: 'task: non-zero exit (1)' });
  await putTask(harness, 'web', { slot: 2, nodeId: workerNodeId, state: 'running' });

  expect(await table('service', 'ls', '--format', '{{.Name}}  {{.Mode}}  {{.Replicas}}  {{.Image}}')).toEqual([['web', 'replicated', '2/3', 'nginx:1']]);
  const tasks = await table('service', 'ps', 'web', '--format', 'table {{.Name}}  {{.Image}}  {{.Node}}  {{.DesiredState}}  {{.Error}}');
  expect(tasks.slice(1)).toEqual([
    ['web.1', 'nginx:1', 'm1', 'Running'],
    ['web.2', 'nginx:1', 'w1', 'Running'],
    ['\\_ web.2', 'nginx:1', 'w1', 'Shutdown', '"task: non-zero exit (1)"'],
  ]);
  const pretty = (await harness.docker('service', 'inspect', '--pretty', 'web')).stdout;
  for (const line of ['Name:\t\tweb', ' Replicas:\t3', ' Image:\t\tnginx:1', 'Endpoint Mode:\tvip', ' tier=front']) expect(pretty).toContain(line);

  expect((await harness.docker('service', 'scale', '-d', 'web=5')).stdout).toBe('web scaled to 5\n');
  const versions = () => harness.store.view().named('service', 'web')!.templateVersion;
  expect(versions()).toBe(1);
  expect((await harness.docker('service', 'update', '-d', '--label-add', 'a=b', 'web')).exitCode).toBe(0);
  expect(versions()).toBe(1);
  expect((await harness.docker('service', 'update', '-d', '--no-resolve-image', '--image', 'nginx:2', 'web')).exitCode).toBe(0);
  expect(versions()).toBe(2);
  expect((await harness.docker('service', 'rollback', '-d', 'web')).exitCode).toBe(0);
  // Tasks of the first template still run, so that going back replaces none of them.
  expect(versions()).toBe(1);
  const update = await harness.docker('service', 'inspect', '--format', '{{.UpdateStatus.State}} {{.Spec.TaskTemplate.ContainerSpec.Image}}', 'web');
  expect(update.stdout).toBe('rollback_started nginx:1\n');

  expect((await harness.docker('service', 'rm', 'web')).stdout).toBe('web\n');
  expect((await harness.docker('service', 'inspect', 'web')).stderr).toContain('no such service: web');
});

test('service logs carries the stream and says which task said it', async () => {
  await harness.docker('service', 'create', '-d', '--no-resolve-image', '--name', 'talk', 'nginx:1');
  const taskId = await putTask(harness, 'talk', { slot: 1, nodeId: workerNodeId, state: 'running' });
  harness.logLines.push(
    { taskId, stderr: false, timestamp: '2026-11-21T00:00:00.000000001Z', text: 'out 1\n' },
    { taskId, stderr: true, timestamp: '2026-11-21T00:00:00.000000002Z', text: 'err 1\n' },
  );
  const logs = await harness.docker('service', 'logs', 'talk');
  expect(logs.stdout).toBe(`talk.1.${taskId.slice(0, 12)}@w1    | out 1\n`);
  expect(logs.stderr).toBe(`talk.1.${taskId.slice(0, 12)}@w1    | err 1\n`);
  const raw = await harness.docker('service', 'logs', '--raw', '--timestamps', taskId);
  expect(raw.stdout).toBe('2026-11-21T00:00:00.000000001Z out 1\n');
  await harness.docker('service', 'rm', 'talk');
});

test('every error is one clear line', async () => {
  const clientMajor = Number.parseInt((await harness.docker('version', '--format', '{{.Client.Version}}')).stdout, 10);
  // The third: how 20.10 says it, which puts words of its own in place of a 404's.
  const cases: [string[], string, string?][] = [
    [['service', 'create', '-d', '--no-resolve-image', '--name', 'bad!', 'nginx'], 'Error response from daemon: rpc error: code = InvalidArgument desc = name must be valid as a DNS name component'],
    [['service', 'create', '-d', '--no-resolve-image', '--limit-memory', '1M', 'nginx'], 'Error response from daemon: rpc error: code = InvalidArgument desc = invalid memory value 1048576: Must be at least 4MiB'],
    [['service', 'create', '-d', '--no-resolve-image', '--constraint', 'node.role', 'nginx'], 'constraint expected one operator from ==, !='],
    [['service', 'create', '-d', '--no-resolve-image', '--network', 'nope', 'nginx'], 'network nope not found', 'Error: No such network: nope\n'],
    [['service', 'create', '-d', '--no-resolve-image', '--network', 'bridge', 'nginx'], 'network bridge is not available to services'],
    [['service', 'scale', '-d', 'nope=1'], 'service nope not found', 'nope: Error: No such service: nope\n'],
    [['service', 'rm', 'nope'], 'Error response from daemon: service nope not found', 'Error: No such service: nope\n'],
    [['node', 'rm', 'w1'], `Error response from daemon: rpc error: code = FailedPrecondition desc = node ${workerNodeId} is not down and can't be removed`],
    [['node', 'demote', 'm1'], 'attempting to demote the last manager of the swarm'],
    [['node', 'ls', '--filter', 'bogus=1'], "Error response from daemon: Invalid filter 'bogus'"],
    [['swarm', 'init'], 'This node is already part of a swarm'],
    [['swarm', 'leave'], 'Removing the last manager erases all current state of the swarm'],
  ];
  for (const [args, message, olderWords] of cases) {
    const { stderr, stdout, exitCode } = await harness.docker(...args);
    const said = stderr + stdout;
    expect({ args, said, exitCode }).toEqual({ args, said: clientMajor < 28 && said === olderWords ? olderWords : expect.stringContaining(message), exitCode: 1 });
  }
});

test('a port that another service has is refused with the owner', async () => {
  await harness.docker('service', 'create', '-d', '--no-resolve-image', '--name', 'owner', '-p', '7000:80', 'nginx');
  const { stderr } = await harness.docker('service', 'create', '-d', '--no-resolve-image', '--name', 'late', '-p', '7000:81', 'nginx');
  const id = harness.store.view().named('service', 'owner')!.id;
  expect(stderr).toContain(`port '7000' is already in use by service 'owner' (${id}) as an ingress port`);
  await harness.docker('service', 'rm', 'owner');
});

test('node update, labels and availability', async () => {
  expect((await harness.docker('node', 'update', '--label-add', 'disk=ssd', '--availability', 'drain', 'w1')).stdout).toBe('w1\n');
  expect((await harness.docker('node', 'inspect', '--format', '{{.Spec.Labels.disk}} {{.Spec.Availability}}', 'w1')).stdout).toBe('ssd drain\n');
  expect((await harness.docker('node', 'ls', '--filter', 'node.label=disk=ssd', '--format', '{{.Hostname}}')).stdout).toBe('w1\n');
  await harness.docker('node', 'update', '--availability', 'active', 'w1');
});

test('networks, secrets and configs are created, listed, guarded while in use, and removed', async () => {
  const file = new URL('./http-harness.ts', import.meta.url).pathname;
  expect((await harness.docker('network', 'create', '--driver', 'overlay', '--subnet', '10.55.0.0/24', 'back')).exitCode).toBe(0);
  expect((await harness.docker('secret', 'create', 'key', file)).exitCode).toBe(0);
  expect((await harness.docker('config', 'create', 'conf', file)).exitCode).toBe(0);
  expect((await harness.docker('network', 'ls', '--format', '{{.Name}} {{.Driver}} {{.Scope}}')).stdout).toBe('back overlay swarm\n');
  expect((await harness.docker('secret', 'ls', '--format', '{{.Name}}')).stdout).toBe('key\n');
  expect((await harness.docker('config', 'ls', '--format', '{{.Name}}')).stdout).toBe('conf\n');
  expect((await harness.docker('secret', 'create', 'key', file)).stderr).toContain('secret key already exists');
  expect((await harness.docker('network', 'create', '--driver', 'overlay', 'back')).stderr).toContain('network with name back already exists');

  const created = await harness.docker('service', 'create', '-d', '--no-resolve-image', '--name', 'user', '--network', 'back', '--secret', 'key', '--config', 'source=conf,target=/etc/c', 'nginx');
  expect(created.stderr).toBe('');
  const { networks, container } = harness.store.view().named('service', 'user')!.spec.template;
  expect(networks[0]!.target).toBe(harness.store.view().named('network', 'back')!.id);
  expect(container.secrets[0]).toMatchObject({ name: 'key', file: { name: 'key', mode: 0o444 } });
  expect((await harness.docker('network', 'rm', 'back')).stderr).toContain('is in use by service');
  expect((await harness.docker('secret', 'rm', 'key')).stderr).toContain("secret 'key' is in use by the following service: user");
  expect((await harness.docker('service', 'inspect', '--pretty', 'user')).stdout).toContain('Networks: back');

  await harness.docker('service', 'rm', 'user');
  for (const [kind, name] of [['network', 'back'], ['secret', 'key'], ['config', 'conf']]) expect((await harness.docker(kind!, 'rm', name!)).stdout).toBe(`${name}\n`);
});

test('service update: every flag reads, changes and posts back, and nothing else changes', async () => {
  await harness.docker('network', 'create', '-d', 'overlay', 'net');
  await harness.docker('service', 'create', '-d', '--no-resolve-image', '--name', 'full', 'nginx:1');
  const file = new URL('./http-harness.ts', import.meta.url).pathname;
  await harness.docker('secret', 'create', 'sec', file);
  const steps = [
    ['--limit-memory', '100M', '--limit-cpu', '.5', '--reserve-memory', '10M', '--limit-pids', '9'],
    ['--env-add', 'A=1', '--mount-add', 'type=volume,source=v,target=/v', '--publish-add', '8081:80', '--network-add', 'net'],
    ['--secret-add', 'sec', '--constraint-add', 'node.role==worker', '--placement-pref-add', 'spread=node.labels.a', '--replicas-max-per-node', '2'],
    ['--dns-add', '192.0.2.1', '--host-add', 'h:192.0.2.2', '--health-cmd', 'true', '--update-parallelism', '2', '--rollback-order', 'start-first'],
    ['--restart-condition', 'on-failure', '--stop-grace-period', '3s', '--cap-add', 'NET_ADMIN', '--sysctl-add', 'net.core.somaxconn=1', '--ulimit-add', 'nofile=1:2'],
    ['--hostname', 'x', '--user', 'u', '--workdir', '/w', '--read-only', '--init', '--log-driver', 'json-file', '--log-opt', 'max-size=1m', '--generic-resource-add', 'gpu=1'],
    ['--force'],
  ];
  for (const flags of steps) expect({ flags, ...(await harness.docker('service', 'update', '-d', ...flags, 'full')) }).toEqual({ flags, exitCode: 0, stderr: '', stdout: 'full\n' });
  const { spec, templateVersion } = harness.store.view().named('service', 'full')!;
  expect(templateVersion).toBe(1 + steps.length);
  expect(spec).toEqual({
    name: 'full',
    labels: {},
    mode: { kind: 'replicated', replicas: 1 },
    endpoint: { mode: 'vip', ports: [{ protocol: 'tcp', targetPort: 80, publishedPort: 8081, publishMode: 'ingress' }] },
    update: { parallelism: 2, failureAction: 'pause', monitorNs: 5e9, order: 'stop-first' },
    rollback: { parallelism: 1, failureAction: 'pause', monitorNs: 5e9, order: 'start-first' },
    template: {
      forceUpdate: 1,
      networks: [{ target: harness.store.view().named('network', 'net')!.id, aliases: [] }],
      logDriver: { name: 'json-file', options: { 'max-size': '1m' } },
      placement: { constraints: ['node.role==worker'], preferences: [{ spread: 'node.labels.a' }], maxReplicas: 2, platforms: [] },
      resources: { limits: { memoryBytes: 100 * 2 ** 20, nanoCpus: 5e8, pids: 9 }, reservations: { memoryBytes: 10 * 2 ** 20, generic: [{ kind: 'gpu', value: 1 }] } },
      restart: { condition: 'on-failure', delayNs: 5e9, maxAttempts: 0 },
      container: {
        image: 'nginx:1',
        labels: {},
        env: ['A=1'],
        dir: '/w',
        user: 'u',
        hostname: 'x',
        init: true,
        readOnly: true,
        stopGraceNs: 3e9,
        healthcheck: { test: ['CMD-SHELL', 'true'] },
        hosts: ['192.0.2.2 h'],
        dns: { nameservers: ['192.0.2.1'], search: [], options: [] },
        secrets: [{ id: harness.store.view().named('secret', 'sec')!.id, name: 'sec', file: { name: 'sec', uid: '0', gid: '0', mode: 0o444 } }],
        configs: [],
        mounts: [{ type: 'volume', source: 'v', target: '/v' }],
        capabilityAdd: ['CAP_NET_ADMIN'],
        capabilityDrop: [],
        sysctls: { 'net.core.somaxconn': '1' },
        ulimits: [{ name: 'nofile', soft: 1, hard: 2 }],
      },
    },
  });
  for (const [kind, name] of [['service', 'full'], ['network', 'net'], ['secret', 'sec']]) await harness.docker(kind!, 'rm', name!);
});

test('jobs show how far they are', async () => {
  await harness.docker('service', 'create', '-d', '--no-resolve-image', '--mode', 'replicated-job', '--replicas', '3', '--max-concurrent', '2', '--name', 'job', 'busybox:1');
  await putTask(harness, 'job', { slot: 1, nodeId: workerNodeId, state: 'complete', desiredState: 'complete' });
  await putTask(harness, 'job', { slot: 2, nodeId: workerNodeId, state: 'running', desiredState: 'complete' });
  expect(await table('service', 'ls', '--format', '{{.Name}}  {{.Mode}}  {{.Replicas}}')).toEqual([['job', 'replicated job', '1/2 (1/3 completed)']]);
  await harness.docker('service', 'rm', 'job');
});

test('a deploy that waits sees its service converge', async () => {
  const waiting = harness.docker('service', 'create', '--no-resolve-image', '--name', 'ready', '--update-monitor', '1ms', 'nginx:1');
  await new Promise<void>((resolve) => {
    const stop = harness.store.watch(() => (stop(), resolve()));
  });
  await putTask(harness, 'ready', { slot: 1, nodeId: workerNodeId, state: 'running' });
  expect(await waiting).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('converged') });
  await harness.docker('service', 'rm', 'ready');
});
