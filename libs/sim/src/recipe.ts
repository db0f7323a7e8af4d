import type { Labels, ServiceMode, ServiceSpec, UpdateConfig } from '../../model/src/index.js';
import { aTemplate } from '../../model/src/testing/index.js';
import type { Dice } from './dice.js';
import { serviceImages } from './images.js';

/** A service as a user writes it, in few words. */
export interface Recipe {
  mode: ServiceMode['kind'];
  /** Of a job: completions. */
  replicas: number;
  image: string;
  network: 'ingress' | 'narrow' | 'wide';
  update: UpdateConfig;
  rollback: UpdateConfig;
  maxPerNode: number;
  constraint: '' | 'node.labels.disk==ssd' | 'node.labels.disk!=ssd';
  cpus: number;
  publish: 'none' | 'chosen' | 'given' | 'host';
  restart: 'any' | 'on-failure' | 'none';
  healthcheck: boolean;
  /** What Docker's API has no words for: canaries, deadlines, priorities and the like. */
  labels: Labels;
}

export function specOf(name: string, recipe: Recipe): ServiceSpec {
  const { image, network, update, rollback, maxPerNode, constraint, cpus, publish, healthcheck, labels } = recipe;
  const port = publish === 'given' || publish === 'host' ? 8000 + Number(name.replace(/\D/g, '')) : 0;
  const isJob = recipe.mode.endsWith('-job');
  const restart = isJob && recipe.restart === 'any' ? 'on-failure' : recipe.restart;
  return {
    name,
    labels,
    mode: modeOf(recipe),
    template: aTemplate({
      container: { image, ...(healthcheck && { healthcheck: { test: ['CMD', 'check'], intervalNs: 5e9, timeoutNs: 1e9, retries: 2 } }) },
      networks: network === 'ingress' ? [] : [{ target: network, aliases: [] }],
      resources: { reservations: { nanoCpus: cpus * 1e9 } },
      placement: { constraints: constraint ? [constraint] : [], preferences: [], maxReplicas: maxPerNode, platforms: [] },
      restart: { condition: restart, delayNs: 2e9 },
    }),
    ...(!isJob && { update, rollback }),
    endpoint: {
      ports: publish === 'none' || isJob ? [] : [{ protocol: 'tcp', targetPort: 80, publishedPort: port, publishMode: publish === 'host' ? 'host' : 'ingress' }],
    },
  };
}

function modeOf({ mode, replicas }: Recipe): ServiceMode {
  if (mode === 'replicated') return { kind: mode, replicas };
  if (mode === 'replicated-job') return { kind: mode, totalCompletions: replicas, maxConcurrent: Math.max(1, Math.ceil(replicas / 2)) };
  return { kind: mode };
}

export function inventRecipe(dice: Dice): Recipe {
  const mode = dice.pick(['replicated', 'replicated', 'replicated', 'replicated', 'replicated', 'replicated', 'replicated', 'global', 'replicated-job', 'global-job'] as const);
  return {
    mode,
    replicas: dice.pick([0, 1, 2, 3, 3, 5, 8, 12]),
    image: mode.endsWith('-job') && dice.chance(70) ? 'job:1' : dice.chance(75) ? dice.pick(['app:1', 'app:2', 'app:3']) : dice.pick(serviceImages).name,
    network: dice.pick(['ingress', 'ingress', 'wide', 'narrow']),
    update: inventRule(dice),
    rollback: inventRule(dice),
    maxPerNode: dice.pick([0, 0, 0, 1, 2]),
    constraint: dice.pick(['', '', '', 'node.labels.disk==ssd', 'node.labels.disk!=ssd']),
    cpus: dice.pick([0, 0.1, 0.5, 1, 2]),
    publish: dice.pick(['none', 'none', 'chosen', 'given', 'host']),
    restart: dice.pick(['any', 'any', 'any', 'on-failure', 'none']),
    healthcheck: dice.chance(20),
    labels: inventLabels(dice, mode),
  };
}

function inventRule(dice: Dice): UpdateConfig {
  return {
    parallelism: dice.pick([0, 1, 1, 1, 2, 3]),
    delayNs: dice.pick([0, 0, 3e9]),
    monitorNs: dice.pick([1e9, 5e9]),
    failureAction: dice.pick(['pause', 'continue', 'rollback']),
    maxFailureRatio: dice.pick([0, 0, 0.3]),
    order: dice.pick(['stop-first', 'start-first']),
  };
}

/** Most services say none of it. */
function inventLabels(dice: Dice, mode: Recipe['mode']): Labels {
  const labels: Labels = {};
  const maybe = (percent: number, key: string, values: readonly string[]) => {
    const value = dice.pick(values);
    if (dice.chance(percent)) labels[key] = value;
  };
  if (!mode.endsWith('-job')) {
    maybe(10, 'shoal.update.canary', ['1', '2', '30%']);
    maybe(20, 'shoal.update.progress-deadline', ['20s', '2m', 'none']);
    maybe(15, 'shoal.drain-delay', ['500ms', '4s']);
  }
  if (mode === 'replicated') maybe(20, 'shoal.placement.rebalance', ['true']);
  maybe(15, 'shoal.priority', ['1', '10', '100']);
  maybe(15, 'shoal.placement.strategy', ['pack']);
  return labels;
}
