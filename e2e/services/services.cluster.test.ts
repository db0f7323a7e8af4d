import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createSocket } from 'node:dgram';
import { describe, expect, it } from 'vitest';
import type { ApiTask } from '../harness/api.js';
import { useCluster } from '../harness/fixture.js';
import { must, plainEnv, run } from '../harness/run.js';
import { until } from '../harness/wait.js';
import { follow } from './follow.js';

const test = useCluster({ nodes: 2 });

async function docker(args: string[], input?: string): Promise<string> {
  const result = await test.cluster.docker(args, { deadlineMs: 60_000, ...(input !== undefined && { input }) });
  expect(result, `docker ${args.join(' ')}: ${result.stderr}`).toMatchObject({ status: 0 });
  return result.stdout;
}

const inside = (task: ApiTask, ...argv: string[]) => must(test.inside(task, argv));
const fetchRoot = (host: string) => ['sh', '-c', `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${host} 80`];
/** Environment of a task's first process. */
const environment = (task: ApiTask) => readFileSync(`/proc/${task.Status.ContainerStatus!.PID}/environ`, 'utf8').split('\0');

async function nodeNames(): Promise<Map<string, string>> {
  return new Map((await test.get<{ ID: string; Description: { Hostname: string } }[]>('/nodes')).map(({ ID, Description }) => [ID, Description.Hostname]));
}

describe('docker service create', () => {
  it('fills in templates, mounts volumes, and gives secrets and configs', async () => {
    await docker(['secret', 'create', 'token', '-'], 'the-token');
    await docker(['config', 'create', 'motd', '-'], 'hello {{.Service.Name}}');
    await docker(['service', 'create', '--name', 'box', '--replicas', '3', '--no-resolve-image',
      '--env', 'SLOT={{.Task.Slot}}', '--env', 'WHERE={{.Node.Hostname}}', '--env', 'WHO={{.Service.Name}}/{{.Task.Name}}', '--env', 'PLAIN=a b=c',
      '--hostname', '{{.Service.Name}}-{{.Task.Slot}}',
      '--mount', 'type=volume,source=data-{{.Task.Slot}},target=/data', '--mount', 'type=tmpfs,target=/scratch,tmpfs-size=1048576', '--mount', 'type=bind,source=/etc/hostname,target=/host-name,readonly',
      '--secret', 'source=token,target=/run/deep/token,mode=0400', '--config', 'source=motd,target=/etc/motd',
      '--label', 'team=fish', '--container-label', 'color=blue', '--user', '1000:2000', '--workdir', '/tmp', '--stop-signal', 'SIGINT',
      'shoal/busybox:1', 'sleep', '1000']);
    const names = await nodeNames();
    for (const task of await test.untilRunning('box', 3)) {
      const env = environment(task);
      expect(env).toEqual(expect.arrayContaining([`SLOT=${task.Slot}`, `WHERE=${names.get(task.NodeID)}`, `WHO=box/box.${task.Slot}.${task.ID}`, 'PLAIN=a b=c']));
      expect((await inside(task, 'hostname')).trim()).toBe(`box-${task.Slot}`);
      expect(readFileSync(`/proc/${task.Status.ContainerStatus!.PID}/status`, 'utf8')).toMatch(/^Uid:\t1000\t.*\nGid:\t2000\t/m);
      const mounts = await inside(task, 'cat', '/proc/mounts');
      expect(mounts).toMatch(/ \/data /);
      expect(mounts).toMatch(/^tmpfs \/scratch tmpfs .*size=1024k/m);
      expect(mounts).toMatch(/ \/host-name \S+ ro,/);
      expect(await inside(task, 'cat', '/run/deep/token')).toBe('the-token');
      expect(await inside(task, 'cat', '/etc/motd')).toBe('hello {{.Service.Name}}');
    }
    await docker(['service', 'rm', 'box']);
    await until('nothing is left of it', async () => (await test.get<unknown[]>('/tasks')).length === 0);
    await docker(['secret', 'rm', 'token']);
    await docker(['config', 'rm', 'motd']);
  });

  it('refuses to remove what a service uses, naming the service', async () => {
    await docker(['secret', 'create', 'used', '-'], 'x');
    await docker(['service', 'create', '-d', '--name', 'user', '--no-resolve-image', '--secret', 'used', 'shoal/busybox:1', 'sleep', '1000']);
    const refused = await test.cluster.docker(['secret', 'rm', 'used']);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/secret 'used' is in use by the following service: user/);
    await docker(['service', 'rm', 'user']);
    await docker(['secret', 'rm', 'used']);
  });

  it('with an image that does not exist says so and does not hang', async () => {
    await docker(['service', 'create', '-d', '--name', 'nope', '--no-resolve-image', '--restart-condition', 'none', '127.0.0.1:9/none/such:1']);
    await until('the task is rejected', async () => (await test.tasks('nope')).some(({ Status }) => Status.State === 'rejected'));
    expect(await docker(['service', 'ps', '--no-trunc', 'nope'])).toMatch(/Rejected .*127\.0\.0\.1:9\/none\/such:1/);
    await docker(['service', 'rm', 'nope']);
  });
});

describe('service logs', () => {
  it('streams new lines of all replicas, also of those that come later', async () => {
    await docker(['service', 'create', '--name', 'ticker', '--replicas', '2', '--no-resolve-image', '--env', 'SLOT={{.Task.Slot}}',
      'shoal/busybox:1', 'sh', '-c', 'n=0; while :; do n=$((n+1)); echo "slot $SLOT line $n"; echo "to stderr" >&2; usleep 200000; done']);
    for (const program of ['docker', 'shoal'] as const) {
      const logs = follow(test.cluster, program, ['service', 'logs', '-f', '--tail', '1', 'ticker']);
      try {
        const lineOf = (slot: number) => new Map([...logs.text().matchAll(new RegExp(`slot ${slot} line (\\d+)`, 'g'))].map((match) => [match[1]!, match[0]]));
        await until(`${program}: five lines of each replica`, async () => lineOf(1).size >= 5 && lineOf(2).size >= 5);
        expect(logs.text()).toMatch(/^ticker\.1\.\w+@node-\d +\| slot 1 line \d+$/m);
      } finally {
        await logs.end();
      }
    }
    const recent = await docker(['service', 'logs', '--tail', '2', 'ticker']);
    expect(recent.split('\n').filter(Boolean).length).toBeLessThanOrEqual(4);
    await docker(['service', 'rm', 'ticker']);
  });

  it('remember what ended tasks said', async () => {
    await docker(['service', 'create', '-d', '--name', 'dying', '--no-resolve-image', '--restart-max-attempts', '2', '--restart-delay', '100ms', 'shoal/busybox:1', 'sh', '-c', 'echo last words of $HOSTNAME; exit 3']);
    await until('it has died three times', async () => (await test.tasks('dying')).filter(({ Status }) => Status.State === 'failed').length === 3);
    const said = await docker(['service', 'logs', 'dying']);
    expect(said.match(/last words/g)).toHaveLength(3);
    await docker(['service', 'rm', 'dying']);
  });
});

describe('jobs', () => {
  it('replicated: as many completions as asked, no more at once than allowed; then nothing runs', async () => {
    await docker(['service', 'create', '--name', 'job', '--mode', 'replicated-job', '--replicas', '5', '--max-concurrent', '2', '--no-resolve-image', '--restart-condition', 'none', 'shoal/busybox:1', 'sh', '-c', 'echo did it']);
    const tasks = await test.tasks('job');
    expect(tasks.map(({ Status }) => Status.State)).toEqual(Array.from({ length: 5 }, () => 'complete'));
    expect(await docker(['service', 'ls', '--format', '{{.Name}} {{.Mode}} {{.Replicas}}'])).toBe('job replicated job 0/2 (5/5 completed)\n');
    expect((await docker(['service', 'logs', 'job'])).match(/did it/g)).toHaveLength(5);
    await docker(['service', 'rm', 'job']);
  });

  it('global: once on every node', async () => {
    await docker(['service', 'create', '--name', 'everywhere', '--mode', 'global-job', '--no-resolve-image', '--restart-condition', 'none', 'shoal/busybox:1', 'true']);
    const tasks = await test.tasks('everywhere');
    expect(tasks.map(({ Status }) => Status.State)).toEqual(['complete', 'complete']);
    expect(new Set(tasks.map(({ NodeID }) => NodeID)).size).toBe(2);
    await docker(['service', 'rm', 'everywhere']);
  });
});

describe('networks', () => {
  const busybox = `image: shoal/busybox:1
    command: [sleep, '1000']
    stop_grace_period: 100ms`;

  it('two stacks with the same names do not see each other', async () => {
    const compose = `services:\n  web:\n    image: shoal/whoami:1\n    networks: [net]\n  client:\n    ${busybox}\n    networks: [net]\nnetworks: { net: }`;
    await test.deploy('one', compose);
    await test.deploy('two', compose);
    for (const stack of ['one', 'two']) {
      const [client] = await test.untilRunning(`${stack}_client`, 1);
      expect(await inside(client!, ...fetchRoot('web'))).toContain(`Task: ${stack}_web.1`);
      const other = stack === 'one' ? 'two' : 'one';
      expect((await run(test.inside(client!, ['nslookup', `${other}_web`]))).status).not.toBe(0);
      const foreign = (await test.untilRunning(`${other}_web`, 1))[0]!.NetworksAttachments![0]!.Addresses[0]!.split('/')[0]!;
      expect((await run(test.inside(client!, fetchRoot(foreign)))).stdout).toBe('');
    }
    await test.remove('one');
    await test.remove('two');
  });

  it('a service in several networks is reached in each, by its aliases there', async () => {
    await test.deploy('multi', `
services:
  web:
    image: shoal/whoami:1
    networks: { front: { aliases: [www] }, back: { aliases: [backend, api] } }
  public:
    ${busybox}
    networks: [front]
  private:
    ${busybox}
    networks: [back]
networks: { front: , back: { internal: true } }
`);
    const [shown] = await test.untilRunning('multi_public', 1);
    const [hidden] = await test.untilRunning('multi_private', 1);
    for (const name of ['web', 'www', 'multi_web']) expect(await inside(shown!, ...fetchRoot(name)), name).toContain('multi_web.1');
    for (const name of ['web', 'backend', 'api']) expect(await inside(hidden!, ...fetchRoot(name)), name).toContain('multi_web.1');
    expect((await run(test.inside(shown!, ['nslookup', 'backend']))).status).not.toBe(0);
    expect((await run(test.inside(hidden!, ['nslookup', 'www']))).status).not.toBe(0);
    expect((await run(test.inside(shown!, ['nslookup', 'private']))).status).not.toBe(0);
    const [web] = await test.untilRunning('multi_web', 1);
    expect((await inside(hidden!, 'ls', '/sys/class/net')).split('\n').filter(Boolean)).toEqual(['eth0', 'lo']);
    expect(web!.NetworksAttachments!.length).toBe(2);
    await test.remove('multi');
  });

  it('endpoint_mode dnsrr gives the addresses of the tasks under the name of the service', async () => {
    await test.deploy('rr', `services:\n  web:\n    image: shoal/whoami:1\n    networks: [net]\n    deploy: { replicas: 3, endpoint_mode: dnsrr }\n  client:\n    ${busybox}\n    networks: [net]\nnetworks: { net: }`);
    const [client] = await test.untilRunning('rr_client', 1);
    const addresses = (await test.untilRunning('rr_web', 3)).map((task) => task.NetworksAttachments![0]!.Addresses[0]!.split('/')[0]!);
    const answer = await inside(client!, 'nslookup', 'web');
    for (const address of addresses) expect(answer).toContain(`Address: ${address}`);
    expect((await test.service('rr_web')).Endpoint?.VirtualIPs ?? []).toEqual([]);
    await test.remove('rr');
  });

  it('extra_hosts, dns and dns_search are in the files of the container', async () => {
    await test.deploy('hosts', `services:\n  box:\n    ${busybox}\n    extra_hosts: ['somehost:162.242.195.82', 'six:::1']\n    dns_search: [example.test]\n    dns: [10.9.9.9]`);
    const [box] = await test.untilRunning('hosts_box', 1);
    const hosts = await inside(box!, 'cat', '/etc/hosts');
    expect(hosts).toMatch(/^162\.242\.195\.82\s+somehost$/m);
    expect(hosts).toMatch(/^::1\s+six$/m);
    expect(await inside(box!, 'cat', '/etc/resolv.conf')).toMatch(/^search example\.test$/m);
    await test.remove('hosts');
  });

  it('a port published for udp answers on every node, from the address that was asked', async () => {
    await test.deploy('udp', `
services:
  echo:
    ${busybox}
    ports: ['4700:9000/udp']
`);
    const [task] = await test.untilRunning('udp_echo', 1);
    const echo = startUdpEcho(task!, 9000);
    try {
      for (const host of test.cluster.hosts) {
        const from = await until(`udp answers on ${host.name}`, () => askUdp(host.address, 4700), { deadlineMs: 20_000 });
        expect(from).toBe(host.address);
      }
    } finally {
      await echo.end();
    }
    await test.remove('udp');
  });
});

/** A program of ours in the network of a task: its image has none that answers datagrams. */
function startUdpEcho(task: ApiTask, port: number): { end(): Promise<void> } {
  const script = `const s = require('dgram').createSocket('udp4'); s.on('message', (text, from) => s.send(text, from.port, from.address)); s.bind(${port})`;
  const child = spawn('nsenter', ['-t', String(task.Status.ContainerStatus!.PID), '--net', process.execPath, '-e', script], { stdio: 'ignore', env: plainEnv() });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  return {
    end: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Sends one datagram; resolves with the address the answer came from, or undefined. */
function askUdp(address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const timer = setTimeout(() => finish(undefined), 500);
    const finish = (from: string | undefined) => {
      clearTimeout(timer);
      socket.close();
      resolve(from);
    };
    socket.on('message', (_text, { address: from }) => finish(from));
    socket.on('error', reject);
    socket.send('ping\n', port, address);
  });
}
