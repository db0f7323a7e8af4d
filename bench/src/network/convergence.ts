import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { getJson, type ApiTask } from '../../../e2e/harness/api.js';
import { Cluster } from '../../../e2e/harness/cluster.js';
import type { Host } from '../../../e2e/harness/host.js';
import { plainEnv } from '../../../e2e/harness/run.js';
import { until } from '../../../e2e/harness/wait.js';
import { print, quantile } from './figures.js';

/**
 * How soon a change of a service's endpoints is in force on every node of a real cluster: from the moment at which a task runs
 * to the last node that sends connections to it, and from the request that ends it to the last node that sends no more. Every
 * node's rules are watched by nft monitor, as the kernel tells of them.
 */

const nodes = Number(process.env['SHOAL_BENCH_NODES'] ?? 20);
const changes = Number(process.env['SHOAL_BENCH_CHANGES'] ?? 200);
const name = process.env['SHOAL_BENCH_CLUSTER'] ?? 'converge';
const prefix = process.env['SHOAL_BENCH_PREFIX'] ?? '172.30.92';
const deadlineMs = 20_000;

const stack = `
services:
  web:
    image: shoal/busybox:1
    command: [sleep, '100000']
    stop_signal: SIGKILL
    deploy: { replicas: 1 }
    ports: ['8080:80']
    networks: [net]
networks: { net: }
`;

/** What nft monitor told of one node: when its rules last named an address, and when they last changed without naming it. */
class Watcher {
  readonly #child: ChildProcess;
  readonly #lines: { atMs: number; text: string }[] = [];

  constructor(host: Host) {
    const [file, ...args] = host.enter(['nsenter', `--net=${host.runDir}/agent/network/netns/mesh`, 'stdbuf', '-oL', 'nft', 'monitor', 'new', 'rules']) as [string, ...string[]];
    this.#child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'], env: plainEnv() });
    createInterface({ input: this.#child.stdout! }).on('line', (text) => this.#lines.push({ atMs: now(), text }));
  }

  /** The first time after `fromMs` at which the published port's endpoints did, or did not, have the address among them. */
  firstMs(address: string, isThere: boolean, fromMs: number): number | undefined {
    return this.#lines.find(({ atMs, text }) => atMs >= fromMs && text.includes('pub4_tcp_8080') && text.includes('dnat') && new RegExp(`\\b${address.replaceAll('.', '\\.')}\\b`).test(text) === isThere)?.atMs;
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}

async function main(): Promise<void> {
  const distDir = resolve('dist');
  const images = join(distDir, 'images');
  const imageArchives = readdirSync(images).filter((file) => file.startsWith('busybox')).map((file) => join(images, file));
  const cluster = await Cluster.up({ name, prefix, nodes, distDir, imageArchives });
  const watchers: Watcher[] = [];
  try {
    const { status, stderr } = await cluster.shoal(['stack', 'deploy', '-c', '-', 'bench'], { input: stack, deadlineMs: 120_000 });
    if (status !== 0) throw new Error(stderr);
    watchers.push(...cluster.hosts.map((host) => new Watcher(host)));
    await measure(cluster, watchers);
  } finally {
    for (const watcher of watchers) watcher.end();
    await cluster.down();
  }
}

async function measure(cluster: Cluster, watchers: readonly Watcher[]): Promise<void> {
  const readyMs: number[] = [];
  const drainMs: number[] = [];
  const first = (await running(cluster))[0]!.ID;
  for (let change = 0; change < changes; change += 2) {
    await scale(cluster, 2);
    const task = await until('a second task runs', async () => (await running(cluster)).find(({ ID }) => ID !== first), { deadlineMs, everyMs: 20 });
    const address = task.NetworksAttachments!.flatMap(({ Addresses }) => Addresses)[0]!.split('/')[0]!;
    const runsMs = Date.parse((task.Status as { Timestamp?: string }).Timestamp!);
    readyMs.push(await lastOf(watchers, address, true, runsMs));
    const askedMs = now();
    await scale(cluster, 1);
    drainMs.push(await lastOf(watchers, address, false, askedMs));
    await until('one task is left', async () => (await running(cluster)).length === 1, { deadlineMs, everyMs: 20 });
  }
  for (const [what, values] of [['from running', readyMs], ['from the request to end it', drainMs]] as const) {
    print(`${what} to the rules of ${nodes} nodes, p50 of ${values.length}`, quantile(values, 0.5), 'ms');
    print(`${what} to the rules of ${nodes} nodes, p99`, quantile(values, 0.99), 'ms', 100);
  }
}

async function lastOf(watchers: readonly Watcher[], address: string, isThere: boolean, fromMs: number): Promise<number> {
  const times = await until(
    `every node's rules ${isThere ? 'have' : 'lack'} ${address}`,
    async () => {
      const found = watchers.map((watcher) => watcher.firstMs(address, isThere, fromMs));
      return found.every((time) => time !== undefined) && (found as number[]);
    },
    { deadlineMs, everyMs: 5 },
  );
  return Math.max(...times) - fromMs;
}

/** One request, without a command line's start-up. */
async function scale(cluster: Cluster, replicas: number): Promise<void> {
  const { socketPath } = cluster.manager;
  const service = await getJson<{ Version: { Index: number }; Spec: { Mode: unknown } }>(socketPath, '/services/bench_web');
  const body = JSON.stringify({ ...service.Spec, Mode: { Replicated: { Replicas: replicas } } });
  await new Promise<void>((done, fail) => {
    const call = request({ socketPath, method: 'POST', path: `/services/bench_web/update?version=${service.Version.Index}`, headers: { 'content-type': 'application/json' }, timeout: deadlineMs }, (response) => {
      response.resume();
      if (response.statusCode === 200) done();
      else fail(new Error(`the service was not updated: ${response.statusCode}`));
    });
    call.on('timeout', () => call.destroy(new Error('the service was not updated in time')));
    call.on('error', fail);
    call.end(body);
  });
}

async function running(cluster: Cluster): Promise<ApiTask[]> {
  const tasks = await getJson<ApiTask[]>(cluster.manager.socketPath, `/tasks?filters=${encodeURIComponent(JSON.stringify({ service: ['bench_web'] }))}`);
  return tasks.filter(({ Status, DesiredState }) => Status.State === 'running' && DesiredState === 'running');
}

/** Milliseconds since 1970, finer than Date.now. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

await main();
process.exit();
