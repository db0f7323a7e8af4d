import { Refused } from '../../base/src/index.js';
import type { FakeBehavior } from '../../runtime/src/fake-runtime.js';
import type { Dice } from './dice.js';

/** Programs of the simulated users, by what is to be expected of them. */
export interface SimImage {
  name: string;
  /** In the registry. */
  exists: boolean;
  /** A service of it comes to `replicas` running tasks. */
  isGood: boolean;
  behave(dice: Dice): FakeBehavior;
}

export const images: readonly SimImage[] = [
  { name: 'app:1', exists: true, isGood: true, behave: () => ({}) },
  { name: 'app:2', exists: true, isGood: true, behave: () => ({}) },
  { name: 'app:3', exists: true, isGood: true, behave: () => ({}) },
  /** Takes no notice of the stop signal. */
  { name: 'stubborn:1', exists: true, isGood: true, behave: () => ({ ignoresSignals: true }) },
  /** Does its work, and ends. */
  { name: 'job:1', exists: true, isGood: true, behave: (dice) => ({ exitAfterMs: dice.between(100, 20_000), exit: { code: 0 } }) },
  /** Falls over now and then, and comes back. */
  { name: 'frail:1', exists: true, isGood: true, behave: (dice) => ({ exitAfterMs: dice.between(20_000, 400_000), exit: { code: 1 } }) },
  /** Never gets far. */
  { name: 'broken:1', exists: true, isGood: false, behave: (dice) => ({ exitAfterMs: dice.between(10, 4_000), exit: { code: 1 } }) },
  { name: 'unstartable:1', exists: true, isGood: false, behave: () => ({ startError: new Refused('invalid', 'exec: no such file') }) },
  { name: 'absent:1', exists: false, isGood: false, behave: () => ({}) },
];

/** Those of services, which are not to end by themselves. */
export const serviceImages: readonly SimImage[] = images.filter(({ name }) => name !== 'job:1');

export function isGood(name: string): boolean {
  return images.find((image) => image.name === name)?.isGood ?? false;
}
