import { expect, vi } from 'vitest';
import { hasEnded, isWanted, type ClusterView, type Service, type Task } from '../../../model/src/index.js';
import { Life, type ContainerEvent, type Happening, type Recipe } from '../../src/index.js';

// Only how much there is to compute counts, not how busy the machine is.
vi.setConfig({ testTimeout: 900_000 });

/** What happened to a container, and what the store said of all tasks just then. */
export interface Moment {
  atMs: number;
  what: ContainerEvent['what'];
  task: Task;
  /** Others of its slot. */
  others: Task[];
}

/** A simulated cluster that a test leads by hand, in virtual time. */
export class Cluster {
  readonly life: Life;
  readonly moments: Moment[] = [];

  private constructor(nodes: number, managers: number) {
    this.life = new Life({ seed: 11, nodes, managers }, { onContainer: (event, atMs) => this.#note(event, atMs) });
  }

  static async of({ nodes = 3, managers = 1 } = {}): Promise<Cluster> {
    const cluster = new Cluster(nodes, managers);
    await cluster.until('all nodes are ready', (view) => view.count('node') === nodes && [...view.all('node')].every(({ status }) => status.state === 'ready'));
    return cluster;
  }

  get view(): ClusterView {
    return this.life.view;
  }

  happen(event: Happening): void {
    this.life.happen(event);
  }

  deploy(service: string, recipe: Partial<Recipe>): void {
    this.happen({ kind: 'deploy', service, recipe: aRecipe(recipe) });
  }

  /** Deploys, and waits until all of it runs. */
  async run(service: string, recipe: Partial<Recipe> = {}): Promise<void> {
    this.deploy(service, recipe);
    await this.until(`${service} runs`, () => this.running(service).length === (recipe.replicas ?? plain.replicas));
  }

  service(name: string): Service {
    return this.view.named('service', name)!;
  }

  tasks(name: string): Task[] {
    return this.view.tasksOfService(this.view.named('service', name)?.id ?? '').slice();
  }

  /** Its tasks that serve. */
  running(name: string): Task[] {
    return this.tasks(name).filter((task) => task.status.state === 'running' && isWanted(task));
  }

  /** What has happened to containers of the service since then. */
  momentsOf(name: string, sinceMs = 0): Moment[] {
    return this.moments.filter(({ atMs, task }) => atMs >= sinceMs && task.serviceName === name);
  }

  /** Returns how long it took, ms. */
  async until(what: string, isSo: (view: ClusterView) => boolean, withinMs = 60_000): Promise<number> {
    const fromMs = this.life.nowMs;
    while (!isSo(this.view)) {
      if (this.life.nowMs - fromMs > withinMs) throw new Error(`not within ${withinMs} ms: ${what}\n${this.life.log.slice(-40).join('\n')}`);
      await this.pass(50);
    }
    return this.life.nowMs - fromMs;
  }

  /** Time passes, and no promise is broken. */
  async pass(ms: number): Promise<void> {
    await this.life.advanceTo(this.life.nowMs + ms);
    expect(this.life.failure).toBeUndefined();
  }

  #note({ what, taskId }: ContainerEvent, atMs: number): void {
    const task = this.view.get('task', taskId);
    if (!task) return;
    const others = this.view.tasksOfService(task.serviceId).filter((other) => other.slot === task.slot && other.id !== task.id && !hasEnded(other));
    this.moments.push({ atMs, what, task, others });
  }
}

const rule = { parallelism: 1, monitorNs: 5e9 };

export function aRecipe(parts: Partial<Recipe>): Recipe {
  return { ...plain, ...parts };
}

/** Three replicas of a good image. */
const plain: Recipe = {
  mode: 'replicated',
  replicas: 3,
  image: 'app:1',
  network: 'wide',
  update: rule,
  rollback: rule,
  maxPerNode: 0,
  constraint: '',
  cpus: 0,
  publish: 'none',
  restart: 'any',
  healthcheck: false,
  labels: {},
};
