import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { getJson } from '../../../e2e/harness/api.js';
import { until } from '../../../e2e/harness/wait.js';
import type { Stage } from './stage.js';

/** One figure per name, in the order of the table. */
export type Row = Record<string, number>;

const deadlineMs = 600_000;
const idleMs = 10_000;
const mebi = 2 ** 20;

/** From the call of the API to everything running in etcd. */
export async function deploy(stage: Stage, { tasks, services, networks }: { tasks: number; services: number; networks: boolean }): Promise<Row> {
  const { manager } = stage;
  const body = JSON.stringify({ files: [{ path: '/bench/stack.yml', text: stackFile(services, tasks / services, networks) }] });
  await manager.reset();
  const before = await manager.read();
  await manager.reset();
  const startedMs = performance.now();
  await post(manager.socketPath, '/shoal/v1/stacks/bench', body);
  const answeredMs = performance.now() - startedMs;
  // What the agents have not reported cannot have been stored: until then nobody asks.
  await until('the agents run all tasks', async () => stage.news.running === tasks, { deadlineMs, everyMs: 10 });
  const reportedMs = performance.now() - startedMs;
  await until('all tasks are stored as running', async () => (await runningTasks(manager.socketPath)) === tasks, { deadlineMs, everyMs: 20 });
  const deployMs = performance.now() - startedMs;
  const vitals = await manager.read();
  const stored = await stage.withStore(async (store) => [...store.view().all('task')].filter((task) => task.status.state === 'running').length);
  if (stored !== tasks) throw new Error(`etcd has ${stored} running tasks, not ${tasks}`);
  return {
    'memory before, MiB': before.rssBytes / mebi,
    'stack deploy answered, ms': answeredMs,
    'reported as running by the agents, ms': reportedMs,
    'all running in etcd, ms': deployMs,
    'event loop delay p50, ms': vitals.delayP50Ms,
    'event loop delay p99, ms': vitals.delayP99Ms,
    'event loop delay max, ms': vitals.delayMaxMs,
    'processor time of the manager, ms': vitals.cpuMs,
    'memory after, MiB': vitals.rssBytes / mebi,
  };
}

/** Nothing happens but heartbeats. */
export async function idle(stage: Stage): Promise<Row> {
  await sleep(3_000);
  await stage.manager.reset();
  const startedMs = performance.now();
  await sleep(idleMs);
  const { cpuMs, rssBytes } = await stage.manager.read();
  return { 'idle, % of a core': (100 * cpuMs) / (performance.now() - startedMs), 'memory when idle, MiB': rssBytes / mebi };
}

/** The manager is killed and starts again; etcd lives on. */
export async function restart(stage: Stage, tasks: number): Promise<Row> {
  await stage.manager.kill();
  await stage.startManager();
  const running = await runningTasks(stage.manager.socketPath);
  if (running !== tasks) throw new Error(`after the restart ${running} tasks run, not ${tasks}`);
  const serving = stage.manager.servingAfterMs;
  await stage.manager.reset();
  const startedMs = performance.now();
  await stage.connected();
  const connectedMs = performance.now() - startedMs;
  const { delayP99Ms, rssBytes } = await stage.manager.read();
  return { 'restart until it serves, ms': serving, 'agents are back, ms': connectedMs, 'event loop delay p99 meanwhile, ms': delayP99Ms, 'memory then, MiB': rssBytes / mebi };
}

function stackFile(services: number, replicas: number, networks: boolean): string {
  const where = networks ? 'networks: [net]' : 'network_mode: host';
  const lines = Array.from({ length: services }, (_, index) => `  s${index}: { image: 'shoal/whoami:1', ${where}, deploy: { replicas: ${replicas} } }`);
  return ['services:', ...lines, ...(networks ? ['networks:', '  net: { ipam: { config: [{ subnet: 10.64.0.0/10 }] } }'] : [])].join('\n');
}

async function runningTasks(socketPath: string): Promise<number> {
  const { services } = await getJson<{ services: { running: number }[] }>(socketPath, '/shoal/v1/stacks/bench');
  return services.reduce((sum, { running }) => sum + running, 0);
}

function post(socketPath: string, path: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, method: 'POST', headers: { 'content-type': 'application/json' } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`POST ${path}: ${response.statusCode} ${text}`))));
    });
    call.on('error', reject);
    call.end(body);
  });
}
