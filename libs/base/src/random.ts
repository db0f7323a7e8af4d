/** Randomness as an argument: decisions stay pure, simulations replay from a seed. */
export interface Random {
  /** An integer in [0, bound). */
  below(bound: number): number;
  /** A 25-character id of [0-9a-z], the form of every Swarm object's id. */
  id(): string;
}

const idAlphabet = '0123456789abcdefghijklmnopqrstuvwxyz';
const idLength = 25;

export const systemRandom: Random = {
  below(bound) {
    return Math.floor((randomBytes(6).readUIntBE(0, 6) / 2 ** 48) * bound);
  },
  id() {
    let text = '';
    while (text.length < idLength) {
      const byte = nextByte();
      if (byte < fairBytes) text += idAlphabet[byte % idAlphabet.length];
    }
    return text;
  },
};

/** Bytes below it spread evenly over the alphabet. */
const fairBytes = 256 - (256 % idAlphabet.length);
const pool = new Uint8Array(4096);
let used = pool.length;

/** A call to the system for each id would be most of the work of making one. */
function nextByte(): number {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  return pool[used++]!;
}

/** The global of the platform: importing node:crypto would load it at every start of the CLI. */
function randomBytes(count: number): Buffer {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(count)));
}

/** A small seeded generator (mulberry32). Equal seeds give equal sequences. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    below: (bound) => Math.floor(next() * bound),
    id: () => Array.from({ length: idLength }, () => idAlphabet[Math.floor(next() * 36)]).join(''),
  };
}
