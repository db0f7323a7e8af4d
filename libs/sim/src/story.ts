import { serviceOrders, type ServiceOrder } from '../../model/src/index.js';
import { Dice } from './dice.js';
import { serviceImages } from './images.js';
import type { StoreMood } from './manager-store.js';
import { inventRecipe, type Recipe } from './recipe.js';

/** What happens to the cluster, by its users and by misfortune. Nodes and managers are counted round: any number names one. */
export type Happening =
  | { kind: 'deploy'; service: string; recipe: Recipe }
  | { kind: 'deploy-stack'; recipes: Record<string, Recipe>; prune: boolean }
  | { kind: 'order'; service: string; order: ServiceOrder }
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

const services = ['s1', 's2', 's3', 's4', 's5', 's6', 's7', 's8'];
/** Of the one stack that there is. */
const members = ['app_11', 'app_12', 'app_13'];
const misfortunes = ['container-ends', 'power-cut', 'agent-crash', 'agent-freeze', 'link-cut', 'slow-link', 'network-trouble', 'manager-crash', 'manager-freeze', 'store-trouble'] as const;
const wishes = ['deploy', 'deploy', 'deploy-stack', 'order', 'order', 'order', 'scale', 'scale', 'image', 'image', 'restart', 'roll-back', 'remove', 'availability', 'availability', 'label', 'add-node', 'remove-node'] as const;

/** A random story: it begins with some services, then users and misfortunes take turns. Some are calm, some wild. */
export function inventStory(seed: number, lengthMs: number): Story {
  const dice = new Dice(seed, 'story');
  const chapters: Chapter[] = [];
  const nodes = dice.between(3, 9);
  for (const service of services.slice(0, dice.between(2, 6))) chapters.push({ atMs: 2_000 + dice.between(0, 8_000), event: { kind: 'deploy', service, recipe: inventRecipe(dice) } });
  const wishEveryMs = dice.between(8_000, 60_000);
  const misfortuneEveryMs = dice.between(4_000, 90_000);
  for (let atMs = 15_000; atMs < lengthMs; atMs += dice.between(200, 2 * wishEveryMs)) chapters.push({ atMs, event: wish(dice) });
  for (let atMs = 20_000; atMs < lengthMs; atMs += dice.between(200, 2 * misfortuneEveryMs)) chapters.push({ atMs, event: misfortune(dice) });
  return { seed, nodes, managers: dice.between(1, 3), lengthMs, chapters: chapters.sort((a, b) => a.atMs - b.atMs) };
}

function wish(dice: Dice): Happening {
  const service = dice.pick(dice.chance(80) ? services : members);
  const node = dice.random.below(64);
  switch (dice.pick(wishes)) {
    case 'deploy':
      return { kind: 'deploy', service: dice.pick(services), recipe: inventRecipe(dice) };
    case 'deploy-stack':
      return { kind: 'deploy-stack', recipes: Object.fromEntries(members.filter(() => dice.chance(65)).map((member) => [member, inventRecipe(dice)])), prune: dice.chance(50) };
    case 'order':
      return { kind: 'order', service, order: dice.pick(serviceOrders) };
    case 'scale':
      return { kind: 'scale', service, replicas: dice.between(0, 12) };
    case 'image':
      return { kind: 'image', service, image: dice.chance(70) ? dice.pick(['app:1', 'app:2', 'app:3']) : dice.pick(serviceImages).name };
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
