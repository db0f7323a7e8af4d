import { isRefused, Refused } from '../../base/src/index.js';
import type { Problem } from './admission.js';
import type { Labels, ServiceSpec } from './service.js';

/*
 * What Docker's API has no words for of where tasks run stands in labels of the service: clients that know nothing of it keep it, show
 * it, and can set it; and a change of it restarts no task.
 *
 *   shoal.priority=10
 *   shoal.placement.affinity=demo_db, demo_cache@node.labels.zone
 *   shoal.placement.anti-affinity=self@node.labels.zone
 *   shoal.placement.strategy=pack
 *   shoal.placement.rebalance=true
 *   shoal.placement.volumes=leave
 */

/** `spread`: fewest tasks of the service, then least load; `pack`: the fullest node that has room. */
export type PlacementStrategy = 'spread' | 'pack';

/** Beside tasks of a service: on a node with one, or on a node where a label has the same value as on one. */
export interface Nearby {
  /** Name of a service, or `self`. */
  service: string;
  /** Descriptor such as `node.labels.zone`. Absent: the node itself. */
  label?: string;
}

export interface PlacementOptions {
  /** Of two that want the same room the higher gets it, also from tasks that run. Absent: 0. */
  priority: number;
  affinity: readonly Nearby[];
  antiAffinity: readonly Nearby[];
  /** Absent: the cluster's. */
  strategy?: PlacementStrategy;
  /** Its tasks are moved, a few at a time, when they could be spread better. */
  rebalance: boolean;
  /** A task that has lost its node, or must leave it, may begin with empty local volumes elsewhere instead of waiting. */
  leavesVolumes: boolean;
}

const labelOfOption = {
  priority: 'shoal.priority',
  affinity: 'shoal.placement.affinity',
  'anti-affinity': 'shoal.placement.anti-affinity',
  strategy: 'shoal.placement.strategy',
  rebalance: 'shoal.placement.rebalance',
  volumes: 'shoal.placement.volumes',
} as const;
export type PlacementKey = keyof typeof labelOfOption;

export function placementLabel(key: PlacementKey): string {
  return labelOfOption[key];
}

const largestPriority = 1_000_000;

/** `Refused` when a label makes no sense. */
export function parsePlacementOptions(labels: Labels): PlacementOptions {
  const say = (key: PlacementKey) => labels[labelOfOption[key]];
  const strategy = say('strategy');
  return {
    priority: priorityOf(say('priority') ?? '0'),
    affinity: nearbyOf(say('affinity') ?? '', 'affinity'),
    antiAffinity: nearbyOf(say('anti-affinity') ?? '', 'anti-affinity'),
    ...(strategy !== undefined && { strategy: oneOf<PlacementStrategy>('strategy', strategy, ['spread', 'pack']) }),
    rebalance: oneOf('rebalance', say('rebalance') ?? 'false', ['true', 'false']) === 'true',
    leavesVolumes: oneOf('volumes', say('volumes') ?? 'follow', ['follow', 'leave']) === 'leave',
  };
}

const none: PlacementOptions = { priority: 0, affinity: [], antiAffinity: [], rebalance: false, leavesVolumes: false };
const known = new WeakMap<Labels, PlacementOptions>();

/** Of a service that was admitted. */
export function placementOptionsOf({ labels }: Pick<ServiceSpec, 'labels'>): PlacementOptions {
  let options = known.get(labels);
  if (!options) known.set(labels, (options = hasAny(labels) ? lenient(labels) : none));
  return options;
}

function hasAny(labels: Labels): boolean {
  for (const name in labels) if (name.startsWith('shoal.p')) return true;
  return false;
}

/** A label that was never checked counts for nothing: the service was stored by an older manager. */
function lenient(labels: Labels): PlacementOptions {
  try {
    return parsePlacementOptions(labels);
  } catch (error) {
    if (isRefused(error)) return none;
    throw error;
  }
}

export function checkPlacementOptions({ labels, mode }: ServiceSpec): Problem[] {
  try {
    const { rebalance } = parsePlacementOptions(labels);
    if (rebalance && mode.kind !== 'replicated') return [{ code: 'invalid', message: `${labelOfOption.rebalance}: only tasks of a replicated service can be moved` }];
    return [];
  } catch (error) {
    if (!isRefused(error)) throw error;
    return [{ code: error.code, message: error.message }];
  }
}

function priorityOf(text: string): number {
  const priority = Number(text);
  if (/^-?[0-9]+$/.test(text) && Math.abs(priority) <= largestPriority) return priority;
  throw new Refused('invalid', `${labelOfOption.priority}: "${text}" is not a whole number from -${largestPriority} to ${largestPriority}`);
}

function nearbyOf(text: string, key: 'affinity' | 'anti-affinity'): Nearby[] {
  return text.split(',').map((part) => part.trim()).filter(Boolean).map((part) => {
    const [, service, label] = /^([A-Za-z0-9][A-Za-z0-9_.-]*)(?:@(.+))?$/.exec(part) ?? [];
    if (!service || (label !== undefined && !/^(node|engine)\.labels\.[^\s]+$/i.test(label))) {
      throw new Refused('invalid', `${labelOfOption[key]}: "${part}" is not the name of a service, or SERVICE@node.labels.NAME`);
    }
    return { service, ...(label !== undefined && { label }) };
  });
}

function oneOf<T extends string>(key: PlacementKey, text: string, words: readonly T[]): T {
  const word = words.find((candidate) => candidate === text.toLowerCase());
  if (word === undefined) throw new Refused('invalid', `${labelOfOption[key]}: "${text}" is not ${words.join(' or ')}`);
  return word;
}
