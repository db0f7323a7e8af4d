import { seededRandom, type Random } from '../../base/src/index.js';

/** Dice of one part of the world. Each part has its own, so that leaving out one event of a story changes the others as little as possible. */
export class Dice {
  readonly random: Random;

  constructor(
    private readonly seed: number,
    name: string,
  ) {
    this.random = seededRandom(hash(`${seed}/${name}`));
  }

  for(name: string): Dice {
    return new Dice(hash(`${this.seed}/${name}`), name);
  }

  /** From `low` to `high`, both possible. */
  between(low: number, high: number): number {
    return low + this.random.below(high - low + 1);
  }

  /** Mostly near `low`, now and then up to `high`. */
  skewed(low: number, high: number): number {
    const share = this.random.below(1001) / 1000;
    return Math.round(low + (high - low) * share ** 4);
  }

  chance(percent: number): boolean {
    return this.random.below(1000) < percent * 10;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)]!;
  }
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
