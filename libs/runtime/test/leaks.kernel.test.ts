/**
 * Nothing leaks: many containers live and die while the process that holds the runtime is killed again and again.
 * SHOAL_LEAK_CYCLES: how many lives (`npm run soak:leaks`: 2000); SHOAL_LEAK_SEED: which.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seededRandom } from '../../base/src/index.js';
import { KernelHost } from './kernel-host.js';
import type { LeakNews, LeakOrder } from './leak-agent.js';

const lives = Number(process.env['SHOAL_LEAK_CYCLES'] ?? 150);
const seed = Number(process.env['SHOAL_LEAK_SEED'] ?? 20_260_101);
const atOnce = 6;
/** Of the last one, which is not killed: so many lives that a descriptor lost in each would be seen. */
const lastLives = Math.min(60, Math.ceil(lives / 4));

let host: KernelHost;
let program: string;
/** Every process that comes of an agent is in here, or in the group of a container. */
let groups: string[];
beforeAll(async () => {
  host = await KernelHost.open();
  await host.runtime.close();
  program = join(host.directory, 'leak-agent.mjs');
  await build({ entryPoints: [join(import.meta.dirname, 'leak-agent.ts')], bundle: true, platform: 'node', format: 'esm', outfile: program });
  groups = hierarchies().map((root) => join(root, `shoal-leaks-${host.name}`));
  for (const group of groups) mkdirSync(group);
});
afterAll(async () => {
  for (const group of groups) rmdirSync(group);
  await host.openRuntime();
  await host.close();
});

function hierarchies(): string[] {
  const roots = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(' ')[4]!);
  // A controller in two places is one hierarchy; pids is enough to keep track with, the unified tree with nothing else.
  return roots.filter((root) => root.endsWith('/pids') || existsSync(join(root, 'cgroup.controllers'))).filter((root, index, all) => all.indexOf(root) === index);
}

/** Whatever a container takes from the machine. Equal before and after. */
interface Holdings {
  processes: string[];
  mounts: string[];
  cgroups: string[];
  namespaces: string[];
  files: string[];
}

function holdings(): Holdings {
  const processes = [...new Set(groups.concat(containerGroups()).flatMap(processesIn))];
  return {
    processes: processes.map((pid) => `${pid} ${commandOf(pid)}`),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(host.directory)),
    cgroups: containerGroups().filter((path) => !path.endsWith(host.cgroupParent)),
    namespaces: [...new Set(processes.flatMap(namespacesOf))].sort(),
    files: ['state', 'run', 'volumes'].flatMap((name) => filesBelow(join(host.directory, 'leaks', name))).sort(),
  };
}

function containerGroups(): string[] {
  return host.cgroupParents().flatMap((root) => {
    const parent = join(root, host.cgroupParent);
    return [parent, ...directoriesBelow(parent)];
  });
}

function directoriesBelow(path: string): string[] {
  return readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory()).flatMap(({ name }) => [join(path, name), ...directoriesBelow(join(path, name))]);
}

function filesBelow(path: string): string[] {
  return existsSync(path) ? readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name)) : [];
}

/** A zombie holds nothing any more: whoever inherited it has not looked yet. */
function processesIn(group: string): string[] {
  return readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter((pid) => pid !== '' && commandOf(pid) !== '');
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

function namespacesOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/ns`).map((name) => readlinkSync(`/proc/${pid}/ns/${name}`));
  } catch {
    return []; // ended meanwhile
  }
}

/** Begins when it is sent its order: at once after its predecessor's end, when that is what it is forked for. */
function forkAgent(hear: (news: LeakNews) => void): ChildProcess {
  const agent = fork(program, [], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  for (const group of groups) writeFileSync(join(group, 'cgroup.procs'), String(agent.pid));
  agent.on('message', (news: LeakNews) => hear(news));
  return agent;
}

/** What is on its way out gets its time; what stays, stays. */
async function settled(wanted: Holdings): Promise<Holdings> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const now = holdings();
    if (performance.now() > deadline || JSON.stringify(now) === JSON.stringify(wanted)) return now;
    await delay(50);
  }
}

test(`${lives} lives of containers, their agent killed at moments of seed ${seed}: what there is afterwards is what there was before`, async () => {
  const random = seededRandom(seed);
  const directory = (name: string) => join(host.directory, 'leaks', name);
  const order = (more: Pick<LeakOrder, 'firstId' | 'lives'>): LeakOrder => ({
    stateDir: directory('state'), runDir: directory('run'), volumesDir: directory('volumes'), shimPath: host.shimPath, cgroupParent: host.cgroupParent,
    template: host.request({ command: ['sleep', '1000'], mounts: [{ type: 'volume', source: '', target: '/data' }] }, { image: { layerDirs: [host.layer], entrypoint: [], cmd: [], env: [], workingDir: '', user: '', volumes: ['/anonymous'] } }),
    atOnce, seed: random.below(1 << 30), ...more,
  });
  const failures: LeakNews[] = [];
  let done = 0;
  let kills = 0;
  let ended: Extract<LeakNews, { ended: unknown }>['ended'] | undefined;
  const hear = (news: LeakNews) => {
    if ('done' in news) done++;
    else if ('failed' in news) failures.push(news);
    else ended = news.ended;
  };
  const finish = async (agent: ChildProcess, last: LeakOrder) => {
    agent.send(last);
    const [code] = (await once(agent, 'exit')) as [number];
    expect(code).toBe(0);
  };

  await finish(forkAgent(hear), order({ firstId: 0, lives: 1 }));
  const nothing: Holdings = { ...holdings(), processes: [], namespaces: [] };
  const before = await settled(nothing);
  expect(before).toEqual(nothing);

  let successor = forkAgent(hear);
  for (let firstId = 1; done < lives - lastLives; firstId += 100_000) {
    const agent = successor;
    const exit = once(agent, 'exit');
    agent.send(order({ firstId, lives: 100_000 }));
    successor = forkAgent(hear);
    const enough = done + 1 + random.below(40);
    while (done < enough && agent.exitCode === null) await Promise.race([once(agent, 'message'), exit]);
    await delay(random.below(60)); // anywhere in the middle of what goes on
    agent.kill('SIGKILL');
    await exit;
    kills++;
  }
  await finish(successor, order({ firstId: 1e9, lives: lastLives }));

  expect(failures).toEqual([]);
  expect(ended!.after.mine).toBeLessThanOrEqual(ended!.before.mine);
  expect(ended!.after.zygote).toBe(ended!.before.zygote);
  expect(await settled(before)).toEqual(before);
  console.log(`${done} lives, ${kills} kills; descriptors ${JSON.stringify(ended)}; left: ${JSON.stringify({ ...before, files: before.files.length })}`);
}, 600_000);
