/**
 * A process of its own that holds the runtime and takes containers through their lives, many at once, until it is killed
 * or has done its share. The next one begins with what it finds.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { seededRandom, type Random } from '../../base/src/index.js';
import { openRuntime, type ContainerRequest, type LinuxRuntime } from '../src/index.js';

export interface LeakOrder {
  stateDir: string;
  runDir: string;
  volumesDir: string;
  shimPath: string;
  cgroupParent: string;
  /** Its id and its command are made anew for each life. */
  template: ContainerRequest;
  firstId: number;
  lives: number;
  atOnce: number;
  seed: number;
}

export type LeakNews = { done: string } | { failed: string; id: string } | { ended: { before: Descriptors; after: Descriptors } };

export interface Descriptors {
  mine: number;
  zygote: number;
}

type Ending = (runtime: LinuxRuntime, id: string, random: Random, signal: AbortSignal) => Promise<void>;

const endings: Record<string, Ending> = {
  async killed(runtime, id, _random, signal) {
    await runtime.start(id);
    await runtime.signal(id, 'KILL');
    await runtime.wait(id, signal);
  },
  async removedAlive(runtime, id) {
    await runtime.start(id);
  },
  async neverStarted() {},
  async executedIn(runtime, id, random, signal) {
    await runtime.start(id);
    const exec = (argv: string[], timeoutMs: number) => runtime.exec(id, { argv, timeoutMs, maxOutputBytes: 100 }, signal);
    await exec(['sh', '-c', 'sleep 1000 & echo yes'], 50);
    await exec(['true'], 10_000);
    if (random.below(2) === 0) void exec(['sleep', '1000'], 60_000).catch(() => undefined); // ends with the container
  },
  async paused(runtime, id) {
    await runtime.start(id);
    await runtime.pause(id);
  },
  async copied(runtime, id, random, signal) {
    await runtime.start(id);
    const { tar } = await runtime.readArchive(id, '/etc', signal);
    if (random.below(2) === 0) for await (const piece of tar) void piece;
    await runtime.writeArchive(id, '/data', await runtime.exportRoot(id, signal), { noOverwriteDirNonDir: false, copyUidGid: false }, signal);
    await runtime.signal(id, 'KILL');
    await runtime.wait(id, signal);
    await runtime.changes(id, signal);
  },
  async talkedTo(runtime, id, random, signal) {
    await runtime.start(id);
    const session = await runtime.startExec(id, { argv: ['cat'], terminal: random.below(2) === 0, openStdin: true, privileged: false }, signal);
    await session.write(Buffer.from('words\n'));
    session.exited.catch(() => undefined); // it ends with the container
    if (random.below(2) === 0) session.close();
  },
};

/** Requests that no container comes of. */
const failures: ((request: ContainerRequest) => ContainerRequest)[] = [
  (request) => ({ ...request, spec: { ...request.spec, command: ['/no/such/program'] } }),
  (request) => ({ ...request, spec: { ...request.spec, user: 'nobody-of-that-name' } }),
  (request) => ({ ...request, spec: { ...request.spec, mounts: [...request.spec.mounts, { type: 'bind', source: '/no/such/source', target: '/x' }] } }),
  (request) => ({ ...request, image: { ...request.image, layerDirs: ['/no/such/layer'] } }),
  (request) => ({ ...request, netnsPath: '/no/such/namespace' }),
];

process.once('message', (order: LeakOrder) => {
  run(order).catch((error: unknown) => {
    tell({ failed: String(error instanceof Error ? error.stack : error), id: '' });
  });
});

function tell(news: LeakNews): void {
  process.send!(news);
}

async function run(order: LeakOrder): Promise<void> {
  const random = seededRandom(order.seed);
  const runtime = await openRuntime({ ...order, trace: () => undefined });
  await clearAway(runtime, random);
  const before = descriptors();
  let next = 0;
  const worker = async () => {
    while (next < order.lives) await live(runtime, order, `life-${order.firstId + next++}`, random);
  };
  await Promise.all(Array.from({ length: order.atOnce }, worker));
  await new Promise((resolve) => setImmediate(resolve));
  tell({ ended: { before, after: descriptors() } });
  await runtime.close();
  process.disconnect();
}

/** What a predecessor left is adopted, and goes. */
async function clearAway(runtime: LinuxRuntime, random: Random): Promise<void> {
  await Promise.all(
    (await runtime.list()).map(async ({ id, state }) => {
      try {
        if (state === 'running' && random.below(2) === 0) await runtime.signal(id, 'KILL');
        if (state === 'created' && random.below(2) === 0) await runtime.start(id).catch(() => undefined); // some cannot be
        await runtime.remove(id);
        tell({ done: id });
      } catch (error) {
        tell({ failed: String(error instanceof Error ? error.stack : error), id });
      }
    }),
  );
}

async function live(runtime: LinuxRuntime, { template }: LeakOrder, id: string, random: Random): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  const fails = random.below(8) === 0 ? failures[random.below(failures.length)] : undefined;
  const named = Object.values(endings);
  const ending = named[random.below(named.length)]!;
  const request: ContainerRequest = { ...template, id };
  try {
    if (fails) {
      await runtime.create(fails(request), signal).then(() => runtime.start(id)).then(() => undefined, () => undefined);
    } else {
      await runtime.create(request, signal);
      await ending(runtime, id, random, signal);
    }
    await runtime.remove(id);
    tell({ done: id });
  } catch (error) {
    tell({ failed: String(error instanceof Error ? error.stack : error), id });
  }
}

function descriptors(): Descriptors {
  const count = (pid: string) => readdirSync(`/proc/${pid}/fd`).length;
  const zygote = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isChildOfMine(pid));
  return { mine: count('self'), zygote: zygote.reduce((sum, pid) => sum + count(pid), 0) };
}

function isChildOfMine(pid: string): boolean {
  try {
    return parentOf(pid) === process.pid;
  } catch {
    return false; // ended meanwhile
  }
}

function parentOf(pid: string): number {
  return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) \S+ /s, '').split(' ')[0]);
}
