import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openRuntime, type ContainerRequest } from '../src/index.js';
import type { AgentOrder } from './agent-process.js';
import { KernelHost } from './kernel-host.js';

let host: KernelHost;
beforeAll(async () => {
  host = await KernelHost.open();
});
afterAll(() => host.close());

const mebibyte = 1 << 20;

/** Mounts, groups and processes that the machine has because of this host's containers. */
function traces(): { mounts: string[]; groups: string[]; processes: string[] } {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(host.directory));
  const groups = host.cgroupParents().flatMap((root) => readdirSync(join(root, host.cgroupParent), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => join(root, name)));
  return { mounts, groups, processes: processesOf(host.stateDir) };
}

/** Processes that have mounts out of a state folder: those of its containers. */
function processesOf(stateDir: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(`${stateDir}/containers`);
    } catch {
      return false; // ended meanwhile
    }
  });
}

/** A zombie is dead: whoever inherited it has not looked yet. */
function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

describe('exit', () => {
  test('codes and signals as Docker gives them', async () => {
    expect((await host.run('exit 0')).exit).toMatchObject({ code: 0, oomKilled: false });
    expect((await host.run('exit 42')).exit).toMatchObject({ code: 42 });
    const id = await host.start('sleep 1000');
    await host.runtime.signal(id, 'SIGKILL');
    expect(await host.runtime.wait(id, host.signal)).toMatchObject({ code: 137, signal: 9, oomKilled: false });
    await host.runtime.signal(id, 'SIGTERM'); // gone already
    await host.runtime.remove(id);
  });

  test('a handler gets the signal', async () => {
    const id = await host.start('trap "echo got it; exit 7" USR1; echo ready; while :; do sleep 0.05; done');
    await host.untilPrinted(id, 'ready');
    await host.runtime.signal(id, 'USR1');
    expect((await host.runtime.wait(id, host.signal)).code).toBe(7);
    expect(await host.logText(id)).toBe('ready\ngot it\n');
  });

  test('a program that cannot be executed says why', async () => {
    const attempt = async (argv0: string) => {
      const request = host.request({ command: [argv0] });
      await host.runtime.create(request, host.signal);
      const error = await host.runtime.start(request.id).then(() => '', (reason: Error) => reason.message);
      const { code, startError } = await host.runtime.wait(request.id, host.signal);
      expect(startError).toBe(error);
      return [code, error];
    };
    expect(await attempt('nothere')).toEqual([127, 'exec: "nothere": executable file not found in $PATH']);
    expect(await attempt('/bin/nothere')).toEqual([127, 'exec: "/bin/nothere": stat /bin/nothere: no such file or directory']);
    expect(await attempt('/etc/passwd')).toEqual([126, 'exec: "/etc/passwd": permission denied']);
  });

  test('two starts, and an unknown container', async () => {
    const id = await host.start('sleep 1000');
    await expect(host.runtime.start(id)).rejects.toThrow('is running, not created');
    await expect(host.runtime.start('unknown')).rejects.toThrow('no such container: unknown');
    await expect(host.runtime.create(host.request({}, { id }), host.signal)).rejects.toThrow('exists already');
    await host.runtime.remove('unknown');
  });
});

describe('limits', () => {
  test('memory: more than allowed is killed, and told', async () => {
    const { exit } = await host.run('dd if=/dev/zero of=/dev/null bs=60M count=1', { command: ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=60M', 'count=1'] }, { limits: { memoryBytes: 50 * mebibyte } });
    expect(exit).toMatchObject({ code: 137, oomKilled: true });
  });

  test('cpu: a busy loop gets a tenth of a core', async () => {
    const id = await host.start('while :; do :; done', {}, { limits: { nanoCpus: 1e8 } });
    const throttled = async (periods: number) => {
      for (;;) {
        const stats = await host.runtime.stats(id);
        if (stats.cpu.throttledPeriods >= periods) return { ...stats, atMs: performance.now() };
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    const first = await throttled(2);
    const second = await throttled(12);
    const share = (second.cpu.totalNs - first.cpu.totalNs) / 1e6 / (second.atMs - first.atMs);
    expect(share).toBeLessThan(0.15);
    expect(second.cpu.totalNs).toBeGreaterThan(first.cpu.totalNs);
    await host.runtime.remove(id);
  });

  test('pids: no more than allowed', async () => {
    const { output } = await host.run('for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done', {}, { limits: { pids: 5 } });
    expect(output).toContain("can't fork");
  });

  test('statistics', async () => {
    const id = await host.start('echo up; sleep 1000', {}, { limits: { memoryBytes: 50 * mebibyte } });
    await host.untilPrinted(id, 'up');
    const stats = await host.runtime.stats(id);
    expect(stats).toMatchObject({ memory: { limitBytes: 50 * mebibyte, oomKills: 0 } });
    expect(stats.pids.current).toBeGreaterThan(0);
    expect(stats.memory.workingBytes).toBeGreaterThan(0);
    expect(stats.memory.workingBytes).toBeLessThan(50 * mebibyte);
    await host.runtime.remove(id);
  });

  test('ulimits, clamped to what we may give', async () => {
    const { output } = await host.run('ulimit -n; ulimit -Hn; ulimit -c', { ulimits: [{ name: 'nofile', soft: 100, hard: 10_000_000 }, { name: 'core', soft: 0, hard: 0 }] });
    const highest = Number(/Max open files +\d+ +(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))![1]);
    expect(output).toBe(`100\n${Math.min(highest, 10_000_000)}\n0\n`);
  });

  test('sysctls of its namespaces, and no others', async () => {
    expect((await host.run('cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax', { sysctls: { 'net.ipv4.ip_forward': '1', 'kernel.msgmax': '4096' } })).output).toBe('1\n4096\n');
    await expect(host.runtime.create(host.request({ sysctls: { 'kernel.core_pattern': 'x' } }), host.signal)).rejects.toThrow('not in a namespace of the container');
  });
});

describe('logs', () => {
  test('both streams, long lines in pieces, a last line without its end', async () => {
    const id = await host.start('echo out; echo err >&2; head -c 40000 /dev/zero | tr "\\0" x; echo; printf "<tail>\\001\\377"');
    await host.runtime.wait(id, host.signal);
    const records = readFileSync(join(host.stateDir, 'logs', id, 'json.log'), 'utf8').trim().split('\n');
    expect(records.map((line) => (JSON.parse(line) as { log: string }).log.length)).toEqual(expect.arrayContaining([4, 4, 16384, 16384, 7233, 8]));
    expect(records.at(-1)).toContain('"log":"\\u003ctail\\u003e\\u0001\\ufffd"');
    const lines = [];
    for await (const line of host.runtime.logs(id, { follow: false, signal: host.signal })) lines.push([line.stream, line.text.length]);
    expect(lines.sort()).toEqual([['stderr', 3], ['stdout', 3], ['stdout', 40000], ['stdout', 8]].sort());
    expect(records[0]).toMatch(/^\{"log":".*\\n","stream":"std(out|err)","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z"\}$/);
  });

  test('rotation keeps so many files of so many bytes', async () => {
    const id = await host.start('i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done', {}, { log: { driver: 'json-file', options: { 'max-size': '20000', 'max-file': '3' } } });
    await host.runtime.wait(id, host.signal);
    const directory = join(host.stateDir, 'logs', id);
    expect(readdirSync(directory).sort()).toEqual(['json.log', 'json.log.1', 'json.log.2']);
    for (const name of readdirSync(directory)) expect(readFileSync(join(directory, name)).length).toBeLessThan(21_000);
    const text = await host.logText(id);
    const numbers = text.trim().split('\n').map((line) => Number(line.slice('line '.length)));
    expect(numbers.at(-1)).toBe(1999);
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => 2000 - numbers.length + index));
  });

  test('follow sees every line through rotations, and ends with the container', async () => {
    const request = host.request({ command: ['sh', '-c', 'i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); sleep 0.001; done'] }, { log: { driver: 'json-file', options: { 'max-size': '8000', 'max-file': '10' } } });
    await host.runtime.create(request, host.signal);
    const seen: string[] = [];
    const following = (async () => {
      for await (const line of host.runtime.logs(request.id, { follow: true, signal: host.signal })) seen.push(line.text);
    })();
    await host.runtime.start(request.id);
    await following;
    expect(seen).toEqual(Array.from({ length: 500 }, (_, index) => `line ${index}`));
  });

  test('tail, since, and logs that outlive their container', async () => {
    const id = await host.start('for i in 1 2 3 4 5; do echo $i; done');
    await host.runtime.wait(id, host.signal);
    await host.runtime.remove(id, { keepLogs: true });
    const texts = async (options: object) => {
      const found = [];
      for await (const line of host.runtime.logs(id, { follow: false, signal: host.signal, ...options })) found.push(line.text);
      return found;
    };
    expect(await texts({ tail: 2 })).toEqual(['4', '5']);
    expect(await texts({ tail: 0 })).toEqual([]);
    expect(await texts({ sinceMs: Date.now() + 60_000 })).toEqual([]);
    await host.runtime.remove(id);
    expect(await texts({})).toEqual([]);
  });
});

describe('exec', () => {
  const exec = (id: string, argv: string[], rest: object = {}) => host.runtime.exec(id, { argv, timeoutMs: 20_000, maxOutputBytes: 4096, ...rest }, host.signal);

  test('runs with the rights, environment and limits of the container', async () => {
    const id = await host.start('echo up; sleep 1000', { env: ['A=1'], dir: '/tmp', user: 'app' });
    await host.untilPrinted(id, 'up');
    const script = 'id -un; hostname; pwd; echo $A $B $HOME; grep -E "^(CapBnd|Seccomp):" /proc/self/status | cut -f2; cat /proc/self/cgroup | grep -v :/$ | wc -l; ls /proc/self/fd; umask; exit 3';
    const { exitCode, output } = await exec(id, ['sh', '-c', script], { env: ['B=2'] });
    expect([exitCode, output.trim().split('\n')]).toEqual([3, ['app', 'inside', '/tmp', '1 2 /home/app', '00000000a80425fb', '2', '0', '0', '1', '2', '3', '0022']]);
    expect((await exec(id, ['id', '-u'], { user: '0', workingDir: '/' })).output).toBe('0\n');
    await host.runtime.remove(id);
  });

  test('timeout kills it; output is cut; what cannot be executed says so', async () => {
    const id = await host.start('sleep 1000');
    expect(await exec(id, ['sh', '-c', 'echo begun; sleep 1000'], { timeoutMs: 200 })).toEqual({ exitCode: -1, output: 'begun\n' });
    expect((await exec(id, ['sh', '-c', 'head -c 1000000 /dev/zero | tr "\\0" x'], { maxOutputBytes: 100 }))).toEqual({ exitCode: 0, output: 'x'.repeat(100) });
    expect(await exec(id, ['nothere'])).toEqual({ exitCode: 127, output: 'exec: "nothere": executable file not found in $PATH' });
    await expect(exec(id, ['true'], { user: 'nobody-here' })).rejects.toThrow('unable to find user nobody-here');
    expect((await exec(id, ['ps'])).output.match(/sleep/g)).toHaveLength(1);
    await host.runtime.signal(id, 'KILL');
    await host.runtime.wait(id, host.signal);
    await expect(exec(id, ['true'])).rejects.toThrow('is not running');
    await host.runtime.remove(id);
  });

  test('is refused while the container ends, never run outside of it', async () => {
    const id = await host.start('sleep 1000');
    const running = exec(id, ['sleep', '1000']);
    await host.runtime.signal(id, 'KILL');
    const result = await running.catch((error: Error) => error.message);
    expect(result === `container ${id} is not running` || typeof result === 'string' || result.exitCode === 137).toBe(true);
    await host.runtime.remove(id);
  });
});

describe('terminal and input', () => {
  test('tty: a terminal as standard streams', async () => {
    const { output } = await host.run('tty; echo $TERM; echo both >&2', { tty: true });
    expect(output.replaceAll('\r', '')).toBe('/dev/pts/0\nxterm\nboth\n');
  });

  test('an open standard input never ends', async () => {
    const id = await host.start('echo up; cat; echo never', { openStdin: true });
    await host.untilPrinted(id, 'up');
    expect((await host.runtime.status(id))!.state).toBe('running');
    await host.runtime.remove(id);
    expect((await host.run('cat; echo ended')).output).toBe('ended\n');
  });

  test('init reaps and passes signals on', async () => {
    const id = await host.start('trap "exit 5" TERM; (sleep 0.01 &); echo up; while :; do sleep 0.05; done', { init: true });
    await host.untilPrinted(id, 'up');
    expect((await host.runtime.exec(id, { argv: ['sh', '-c', 'cat /proc/1/comm; ps | grep -c "Z"; true'], timeoutMs: 20_000, maxOutputBytes: 1000 }, host.signal)).output.split('\n')[0]).toMatch(/docker-init/);
    await host.runtime.signal(id, 'TERM');
    expect((await host.runtime.wait(id, host.signal)).code).toBe(5);
    await host.runtime.remove(id);
  });
});

/** A second agent's place on this host. */
function otherAgent() {
  return { stateDir: join(host.directory, 'other/state'), shimPath: host.shimPath, cgroupParent: host.cgroupParent };
}

async function forkAgent(requests: ContainerRequest[]): Promise<ChildProcess> {
  const program = join(host.directory, 'agent-process.mjs');
  await build({ entryPoints: [join(import.meta.dirname, 'agent-process.ts')], bundle: true, platform: 'node', format: 'esm', outfile: program });
  const agent = fork(program, [], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const order: AgentOrder = { ...otherAgent(), requests };
  agent.send(order);
  return agent;
}

describe('adoption', () => {
  test('a container survives the SIGKILL of its agent, goes on logging, and is adopted', async () => {
    const request = host.request({ command: ['sh', '-c', 'i=0; while :; do echo tick $i; i=$((i+1)); sleep 0.02; done'] }, { id: 'survivor' });
    const agent = await forkAgent([request]);
    const [{ pid }] = (await once(agent, 'message')) as [{ pid: number }];
    agent.kill('SIGKILL');
    await once(agent, 'exit');
    expect(existsSync(`/proc/${pid}`)).toBe(true);

    const first = host.runtime;
    const second = await openRuntime({ ...otherAgent(), trace: () => undefined });
    expect(await second.list()).toEqual([{ id: 'survivor', state: 'running', pid, labels: { task: 'web.1' }, limits: {} }]);
    host.runtime = second;
    const ticks = (await host.logText('survivor')).trim().split('\n').length;
    await host.untilPrinted('survivor', `tick ${ticks + 3}`);
    expect((await second.exec('survivor', { argv: ['hostname'], timeoutMs: 20_000, maxOutputBytes: 100 }, host.signal)).output).toBe('inside\n');
    await second.signal('survivor', 'KILL');
    expect((await second.wait('survivor', host.signal)).code).toBe(137);
    await second.remove('survivor');
    await second.close();
    host.runtime = first;
  });

  test('an agent that is killed in the middle of creations leaves nothing that its successor cannot remove', async () => {
    const requests = Array.from({ length: 12 }, () => host.request({ command: ['sleep', '1000'] }));
    const agent = await forkAgent(requests);
    await once(agent, 'message');
    agent.kill('SIGKILL');
    await once(agent, 'exit');
    const second = await openRuntime({ ...otherAgent(), trace: () => undefined });
    const found = await second.list();
    expect(found.some(({ state }) => state === 'running')).toBe(true);
    expect(found.filter(({ state }) => state === 'creating')).toEqual([]);
    await Promise.all(found.map(({ id }) => second.remove(id)));
    await second.close();
    const groups = host.cgroupParents().flatMap((root) => readdirSync(join(root, host.cgroupParent)));
    expect(requests.filter(({ id }) => groups.includes(id))).toEqual([]);
    expect(readdirSync(join(otherAgent().stateDir, 'containers'))).toEqual([]);
    expect(processesOf(otherAgent().stateDir)).toEqual([]);
  });

  test('an exit while no agent looked is found on disk', async () => {
    const id = await host.start('sleep 0.2; exit 9');
    await host.runtime.close();
    await new Promise((resolve) => setTimeout(resolve, 10));
    await host.openRuntime();
    expect(await host.runtime.wait(id, host.signal)).toMatchObject({ code: 9 });
    await host.runtime.close();
    await host.openRuntime();
    expect((await host.runtime.status(id))!.exit).toMatchObject({ code: 9 });
    await host.runtime.remove(id);
  });

  test('a container without its monitor is ended and says so', async () => {
    const id = await host.start('sleep 1000');
    const { pid } = (await host.runtime.status(id))!;
    const shim = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);
    process.kill(shim, 'SIGKILL');
    expect(await host.runtime.wait(id, host.signal)).toMatchObject({ startError: 'monitor lost' });
    await host.runtime.remove(id);
    expect(isAlive(pid)).toBe(false);
  });

  test('a dead zygote is replaced', async () => {
    const { pid } = host.events.filter((event) => event.event === 'zygote-started').at(-1) as { pid: number };
    process.kill(pid, 'SIGKILL');
    while (!host.events.some((event) => event.event === 'zygote-exited' && event.pid === pid)) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await host.run('echo again')).output).toBe('again\n');
  });
});

describe('removal', () => {
  test('leaves no mount, group, process or file', async () => {
    for (const { id } of await host.runtime.list()) await host.runtime.remove(id);
    const ids = await Promise.all(Array.from({ length: 8 }, () => host.start('sleep 1000 & sleep 1000', { mounts: [{ type: 'volume', source: '', target: '/data' }] })));
    expect(traces().groups.length).toBeGreaterThan(0);
    expect(traces().mounts).toEqual([]);
    await Promise.all(ids.map((id) => host.runtime.remove(id)));
    await Promise.all(ids.map((id) => host.runtime.remove(id)));
    expect(traces()).toEqual({ mounts: [], groups: [], processes: [] });
    expect(readdirSync(join(host.stateDir, 'containers'))).toEqual([]);
    expect(await host.runtime.list()).toEqual([]);
  });

  test('an aborted creation leaves nothing', async () => {
    const abort = new AbortController();
    const creating = host.runtime.create(host.request(), abort.signal);
    abort.abort(new Error('changed my mind'));
    await expect(creating).rejects.toThrow('changed my mind');
    expect(traces()).toEqual({ mounts: [], groups: [], processes: [] });
  });
});
