import { readFileSync } from 'node:fs';
import { getJson } from '../../e2e/harness/api.js';
import { must } from '../../e2e/harness/run.js';
import { until } from '../../e2e/harness/wait.js';
import type { Peer } from './peer.js';

export interface Figures {
  deployMs: number;
  scaleMs: number;
  removeMs: number;
  /** Proportional set size of all daemons and monitors while the first replicas run. */
  pssMiB: number;
}

const deadlineMs = 180_000;

/** One round: deploy, weigh, scale to twice as many, remove. The same docker CLI asks both sides. */
export async function measure(peer: Peer, stackFile: string, replicas: number): Promise<Figures> {
  const docker = (...args: string[]) => must(['docker', ...args], { env: { DOCKER_HOST: `unix://${peer.socket}` }, deadlineMs });
  // Asked over the API: a CLI started every few milliseconds would be most of the load.
  const untilReplicas = (count: number) =>
    until(`${peer.name} runs ${count}`, async () => (await runningTasks(peer)) === count, { deadlineMs, everyMs: 20 });

  const deployMs = await timed(async () => {
    await docker('stack', 'deploy', '--resolve-image', 'never', '-c', stackFile, 'bench');
    await untilReplicas(replicas);
  });
  const pssMiB = (await peer.daemons()).reduce((sum, pid) => sum + pssKiB(pid), 0) / 1024;
  const scaleMs = await timed(async () => {
    await docker('service', 'scale', '-d', `bench_web=${2 * replicas}`);
    await untilReplicas(2 * replicas);
  });
  const removeMs = await timed(async () => {
    await docker('stack', 'rm', 'bench');
    await until('no task is left', () => noTasks(peer), { deadlineMs, everyMs: 20 });
  });
  // What a side still cleans up after its tasks are gone is not the other side's to bear.
  await until(`${peer.name} has no container left`, async () => (await docker('ps', '-aq')).trim() === '', { deadlineMs, everyMs: 500 });
  return { deployMs, scaleMs, removeMs, pssMiB };
}

async function runningTasks(peer: Peer): Promise<number> {
  const [service] = await getJson<{ ServiceStatus: { RunningTasks: number } }[]>(peer.socket, '/v1.41/services?status=true');
  return service?.ServiceStatus.RunningTasks ?? 0;
}

/** The API lists no task any more: each is stopped and forgotten. */
async function noTasks(peer: Peer): Promise<boolean> {
  return (await getJson<unknown[] | null>(peer.socket, '/v1.41/tasks') ?? []).length === 0;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

function pssKiB(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0; // it ended meanwhile
  }
}
