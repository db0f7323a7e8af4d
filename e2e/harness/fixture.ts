import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { getJson, type ApiService, type ApiTask } from './api.js';
import { Cluster, type ClusterOptions } from './cluster.js';
import { until } from './wait.js';

export const distDir = resolve(import.meta.dirname, '../../dist');

/** Name and hosts' /24 of the tests' cluster. Another run beside this one needs its own: set both. */
export const clusterName = process.env['SHOAL_TEST_CLUSTER'] ?? 'test';
export const prefix = process.env['SHOAL_TEST_PREFIX'] ?? '172.30.78';

/** A cluster for one test file: up before its tests, down after them. */
export function useCluster(options: Pick<ClusterOptions, 'nodes' | 'agentArgs' | 'initArgs' | 'prepare'> & { imageArchives?: string[] }): TestCluster {
  const test = new TestCluster();
  beforeAll(async () => {
    const imagesDir = join(distDir, 'images');
    const imageArchives = readdirSync(imagesDir).filter((file) => file.endsWith('.tar')).map((file) => join(imagesDir, file));
    test.cluster = await Cluster.up({ name: clusterName, prefix, distDir, imageArchives, ...options });
  });
  afterAll(async () => {
    rmSync(test.dir, { recursive: true, force: true });
    await test.cluster?.down();
  });
  return test;
}

/** What tests say about a cluster. */
export class TestCluster {
  cluster!: Cluster;
  /** For the files of stacks. */
  readonly dir = mkdtempSync(join(tmpdir(), 'shoal-e2e-'));

  /** Writes a file beside the stack files. Returns its path. */
  file(name: string, text: string): string {
    const path = join(this.dir, name);
    writeFileSync(path, text);
    return path;
  }

  /** Deploys with `shoal stack deploy`, however that ends. */
  async tryDeploy(stack: string, compose: string, ...flags: string[]): Promise<{ status: number; output: string; durationMs: number }> {
    const startedMs = performance.now();
    const { status, stdout, stderr } = await this.cluster.shoal(['stack', 'deploy', ...flags, '-c', this.file(`${stack}.yml`, compose), stack], { deadlineMs: 120_000 });
    return { status, output: stdout + stderr, durationMs: performance.now() - startedMs };
  }

  /** Deploys with `shoal stack deploy` and expects it to converge. Returns what it printed. */
  async deploy(stack: string, compose: string, env: Record<string, string> = {}): Promise<string> {
    const result = await this.cluster.shoal(['stack', 'deploy', '-c', this.file(`${stack}.yml`, compose), stack], { env, deadlineMs: 120_000 });
    expect(result, result.stdout + result.stderr).toMatchObject({ status: 0 });
    return result.stdout + result.stderr;
  }

  async remove(stack: string): Promise<void> {
    const result = await this.cluster.shoal(['stack', 'rm', stack], { deadlineMs: 60_000 });
    expect(result, result.stderr).toMatchObject({ status: 0 });
  }

  get<T>(path: string): Promise<T> {
    return getJson<T>(this.cluster.manager.socketPath, path);
  }

  async service(name: string): Promise<ApiService> {
    return this.get<ApiService>(`/services/${name}`);
  }

  /** All tasks of a service, those of the past too. */
  async tasks(service: string): Promise<ApiTask[]> {
    return this.get<ApiTask[]>(`/tasks?filters=${encodeURIComponent(JSON.stringify({ service: [service] }))}`);
  }

  async running(service: string): Promise<ApiTask[]> {
    return (await this.tasks(service)).filter((task) => task.Status.State === 'running' && task.DesiredState === 'running');
  }

  /** Waits until the service has exactly so many running tasks and no other that is still to end. */
  untilRunning(service: string, count: number): Promise<ApiTask[]> {
    return until(`${service} runs ${count} tasks`, async () => {
      const tasks = await this.tasks(service);
      const live = tasks.filter((task) => !['complete', 'shutdown', 'failed', 'rejected', 'orphaned'].includes(task.Status.State));
      return live.length === count && live.every((task) => task.Status.State === 'running' && task.DesiredState === 'running') && live;
    });
  }

  /** argv that runs in a task's container: all its namespaces, its root, its own tools. */
  inside(task: ApiTask, argv: string[]): string[] {
    return ['nsenter', '-t', String(task.Status.ContainerStatus!.PID), '-a', '--root', '--wd', '--', ...argv];
  }
}
