/**
 * Runs as (nearly) the first process of a small emulated machine that has cgroup v2 alone: the same promises that the
 * kernel tests check on a hybrid machine. Prints one line for each; `run.sh` looks at them.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { openRuntime, type ContainerExit, type ContainerRequest } from '../../src/index.js';
import { makeBusyboxLayer } from '../busybox.js';

const directory = '/tmp/runtime';
const mebibyte = 1 << 20;
const { signal } = new AbortController();

mkdirSync(directory);
makeBusyboxLayer(`${directory}/layer`);
execFileSync('ip', ['netns', 'add', 'pure']);
const runtime = await openRuntime({ stateDir: `${directory}/state`, shimPath: process.env['SHIM']!, cgroupParent: 'shoal/pure', trace: () => undefined });
let count = 0;

function request(script: string, rest: Partial<ContainerRequest>): ContainerRequest {
  const spec = { image: 'busybox', labels: {}, env: [], hosts: [], secrets: [], configs: [], mounts: [], capabilityAdd: [], capabilityDrop: [], sysctls: {}, ulimits: [], command: ['sh', '-c', script] };
  const image = { layerDirs: [`${directory}/layer`], entrypoint: [], cmd: [], env: [], workingDir: '', user: '', volumes: [] };
  return {
    id: `c${++count}`, name: 'pure', spec, image, limits: {}, hostname: 'inside', netnsPath: '/run/netns/pure', nameservers: [], searchDomains: [],
    resolvOptions: [], hostLines: [], files: [], labels: {}, log: { driver: 'json-file', options: {} }, ...rest,
  };
}

async function run(script: string, rest: Partial<ContainerRequest> = {}): Promise<{ exit: ContainerExit; output: string }> {
  const made = request(script, rest);
  await runtime.create(made, signal);
  await runtime.start(made.id);
  const exit = await runtime.wait(made.id, signal);
  let output = '';
  for await (const { text } of runtime.logs(made.id, { follow: false, signal })) output += `${text}\n`;
  await runtime.remove(made.id);
  return { exit, output };
}

function check(promise: string, kept: boolean, seen: unknown): void {
  console.log(kept ? `kept: ${promise}` : `BROKEN: ${promise}: ${JSON.stringify(seen)}`);
}

const basic = await run('cat /proc/self/cgroup; grep -c " cgroup2 " /proc/self/mountinfo; grep Seccomp: /proc/self/status | cut -f2');
check('own cgroup namespace, mount and filter', basic.output === '0::/\n1\n2\n', basic);
const limits = await run('cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max', { limits: { nanoCpus: 1e8, memoryBytes: 50 * mebibyte, pids: 10 } });
check('limits are the files', limits.output === `10000 100000\n${50 * mebibyte}\n10\n`, limits);
const memory = await run('exec dd if=/dev/zero of=/dev/null bs=60M count=1', { limits: { memoryBytes: 50 * mebibyte } });
check('too much memory is killed and told', memory.exit.code === 137 && memory.exit.oomKilled, memory);
const devices = await run('head -c 2 /dev/zero | wc -c; mknod /tmp/d b 98 0; cat /tmp/d; mknod /tmp/m c 1 1; cat /tmp/m');
check('no device but the known ones', devices.output.startsWith('2\n') && devices.output.match(/Operation not permitted/g)?.length === 2, devices);
const running = request('sleep 1000', {});
await runtime.create(running, signal);
await runtime.start(running.id);
const exec = await runtime.exec(running.id, { argv: ['cat', '/proc/self/cgroup'], timeoutMs: 60_000, maxOutputBytes: 1000 }, signal);
check('exec joins', exec.output === '0::/\n', exec);
const stats = await runtime.stats(running.id);
check('statistics', stats.cpu.totalNs > 0 && stats.memory.usageBytes > 0 && stats.pids.current > 0, stats);
await runtime.remove(running.id);
await runtime.close();
const groups = execFileSync('find', ['/sys/fs/cgroup', '-name', 'shoal*'], { encoding: 'utf8' });
check('nothing is left', groups === '', groups);
console.log('the end');
process.exit(0);
