import type { ServiceSpec, UpdateConfig } from '../../model/src/index.js';
import { aTemplate } from '../../model/src/testing/index.js';
import { Dice } from './dice.js';
import { images } from './images.js';
import type { StoreMood } from './manager-store.js';

/** What happens to the cluster, by its users and by misfortune. Nodes and managers are counted round: any number names one. */
export type Happening =
  | { kind: 'deploy'; service: string; recipe: Recipe }
  | { kind: 'scale'; service: string; replicas: number }
  | { kind: 'image'; service: string; image: string }
  | { kind: 'restart'; service: string }
  | { kind: 'roll-back'; service: string }
  | { kind: 'remove'; service: string }
  | { kind: 'availability'; node: number; availability: 'active' | 'pause' | 'drain' }
  | { kind: 'label'; node: number; disk: string }
  | { kind: 'add-node' }
  | { kind: 'remove-node'; node: number }
  | { kind: 'container-ends'; choice: number; code: number }
  | { kind: 'power-cut'; node: number; forMs: number }
  | { kind: 'agent-crash'; node: number; forMs: number }
  | { kind: 'agent-freeze'; node: number; forMs: number }
  | { kind: 'link-cut'; node: number; way: 'both' | 'up' | 'down'; forMs: number }
  | { kind: 'slow-link'; node: number; slowMs: number; forMs: number }
  | { kind: 'network-trouble'; node: number; forMs: number }
  | { kind: 'manager-crash'; manager: number | 'leader'; forMs: number }
  | { kind: 'manager-freeze'; manager: number | 'leader'; forMs: number }
  | { kind: 'store-trouble'; manager: number | 'leader'; mood: StoreMood; forMs: number };

export interface Chapter {
  atMs: number;
  event: Happening;
}

/** All that a simulation depends on. */
export interface Story {
  seed: number;
  nodes: number;
  managers: number;
  /** Afterwards nothing happens any more, everything is repaired, and the cluster has to come to rest. */
  lengthMs: number;
  chapters: Chapter[];
}

/** A service as a user writes it, in few words. */
export interface Recipe {
  mode: 'replicated' | 'global';
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
}

export function specOf(name: string, recipe: Recipe): ServiceSpec {
  const { image, network, update, rollback, maxPerNode, constraint, cpus, publish, restart, healthcheck } = recipe;
  const port = publish === 'given' || publish === 'host' ? 8000 + Number(name.replace(/\D/g, '')) : 0;
  return {
    name,
    labels: {},
    mode: recipe.mode === 'global' ? { kind: 'global' } : { kind: 'replicated', replicas: recipe.replicas },
    template: aTemplate({
      container: { image, ...(healthcheck && { healthcheck: { test: ['CMD', 'check'], intervalNs: 5e9, timeoutNs: 1e9, retries: 2 } }) },
      networks: network === 'ingress' ? [] : [{ target: network, aliases: [] }],
      resources: { reservations: { nanoCpus: cpus * 1e9 } },
      placement: { constraints: constraint ? [constraint] : [], preferences: [], maxReplicas: maxPerNode, platforms: [] },
      restart: { condition: restart, delayNs: 2e9 },
    }),
    update,
    rollback,
    endpoint: {
      ports: publish === 'none' ? [] : [{ protocol: 'tcp', targetPort: 80, publishedPort: port, publishMode: publish === 'host' ? 'host' : 'ingress' }],
    },
  };
}

const services = ['s1', 's2', 's3', 's4', 's5', 's6', 's7', 's8'];
const misfortunes = ['container-ends', 'power-cut', 'agent-crash', 'agent-freeze', 'link-cut', 'slow-link', 'network-trouble', 'manager-crash', 'manager-freeze', 'store-trouble'] as const;
const wishes = ['deploy', 'deploy', 'scale', 'scale', 'image', 'image', 'restart', 'roll-back', 'remove', 'availability', 'availability', 'label', 'add-node', 'remove-node'] as const;

/** A random story: it begins with some services, then users and misfortunes take turns. Some are calm, some wild. */
export function inventStory(seed: number, lengthMs: number): Story {
  const dice = new Dice(seed, 'story');
  const chapters: Chapter[] = [];
  const nodes = dice.between(3, 9);
  for (const service of services.slice(0, dice.between(2, 6))) chapters.push({ atMs: 2_000 + dice.between(0, 8_000), event: { kind: 'deploy', service, recipe: recipe(dice) } });
  const wishEveryMs = dice.between(8_000, 60_000);
  const misfortuneEveryMs = dice.between(4_000, 90_000);
  for (let atMs = 15_000; atMs < lengthMs; atMs += dice.between(200, 2 * wishEveryMs)) chapters.push({ atMs, event: wish(dice) });
  for (let atMs = 20_000; atMs < lengthMs; atMs += dice.between(200, 2 * misfortuneEveryMs)) chapters.push({ atMs, event: misfortune(dice) });
  return { seed, nodes, managers: dice.between(1, 3), lengthMs, chapters: chapters.sort((a, b) => a.atMs - b.atMs) };
}

function recipe(dice: Dice): Recipe {
  const mostlyGood = () => (dice.chance(75) ? dice.pick(['app:1', 'app:2', 'app:3']) : dice.pick(images).name);
  const config = (): UpdateConfig => ({
    parallelism: dice.pick([0, 1, 1, 1, 2, 3]),
    delayNs: dice.pick([0, 0, 3e9]),
    monitorNs: dice.pick([1e9, 5e9]),
    failureAction: dice.pick(['pause', 'continue', 'rollback']),
    maxFailureRatio: dice.pick([0, 0, 0.3]),
    order: dice.pick(['stop-first', 'start-first']),
  });
  return {
    mode: dice.chance(15) ? 'global' : 'replicated',
    replicas: dice.pick([0, 1, 2, 3, 3, 5, 8, 12]),
    image: mostlyGood(),
    network: dice.pick(['ingress', 'ingress', 'wide', 'narrow']),
    update: config(),
    rollback: config(),
    maxPerNode: dice.pick([0, 0, 0, 1, 2]),
    constraint: dice.pick(['', '', '', 'node.labels.disk==ssd', 'node.labels.disk!=ssd']),
    cpus: dice.pick([0, 0.1, 0.5, 1, 2]),
    publish: dice.pick(['none', 'none', 'chosen', 'given', 'host']),
    restart: dice.pick(['any', 'any', 'any', 'on-failure', 'none']),
    healthcheck: dice.chance(20),
  };
}

function wish(dice: Dice): Happening {
  const service = dice.pick(services);
  const node = dice.random.below(64);
  switch (dice.pick(wishes)) {
    case 'deploy':
      return { kind: 'deploy', service, recipe: recipe(dice) };
    case 'scale':
      return { kind: 'scale', service, replicas: dice.between(0, 12) };
    case 'image':
      return { kind: 'image', service, image: dice.chance(70) ? dice.pick(['app:1', 'app:2', 'app:3']) : dice.pick(images).name };
    case 'restart':
      return { kind: 'restart', service };
    case 'roll-back':
      return { kind: 'roll-back', service };
    case 'remove':
      return { kind: 'remove', service };
    case 'availability':
      return { kind: 'availability', node, availability: dice.pick(['active', 'active', 'drain', 'drain', 'pause']) };
    case 'label':
      return { kind: 'label', node, disk: dice.pick(['ssd', 'hdd']) };
    case 'add-node':
      return { kind: 'add-node' };
    case 'remove-node':
      return { kind: 'remove-node', node };
  }
}

function misfortune(dice: Dice): Happening {
  const node = dice.random.below(64);
  const manager = dice.chance(60) ? ('leader' as const) : dice.random.below(8);
  const forMs = dice.skewed(200, 90_000);
  const kind = dice.pick(misfortunes);
  switch (kind) {
    case 'container-ends':
      return { kind, choice: dice.random.below(1000), code: dice.pick([0, 1, 137]) };
    case 'link-cut':
      return { kind, node, way: dice.pick(['both', 'up', 'down']), forMs };
    case 'slow-link':
      return { kind, node, slowMs: dice.between(50, 4_000), forMs };
    case 'manager-crash':
    case 'manager-freeze':
      return { kind, manager, forMs };
    case 'store-trouble':
      return { kind, manager, mood: dice.pick(['stalled', 'refusing', 'mute']), forMs };
    default:
      return { kind, node, forMs };
  }
}
