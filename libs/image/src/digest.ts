import { createHash } from 'node:crypto';
import { Refused } from '../../base/src/index.js';

const pattern = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: unknown): text is string {
  return typeof text === 'string' && pattern.test(text);
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function hexOf(digest: string): string {
  return digest.slice('sha256:'.length);
}

/** ChainIDs of the layers, bottom first (image-spec config.md): a layer's directory depends on everything below it. */
export function chainIds(diffIds: string[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : digestOf(Buffer.from(`${below} ${diffId}`)));
  }
  return chain;
}

export interface ExpectedContent {
  digest: string;
  /** Bytes; absent when nobody told it. */
  size?: number;
}

/** Passes the bytes on; throws `Refused('invalid')` at the first byte too many, and at the end unless size and digest fit. */
export async function* verified(source: AsyncIterable<Buffer>, expected: ExpectedContent, what: string): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (expected.size !== undefined && bytes > expected.size) throw new Refused('invalid', `${what} is longer than the ${expected.size} bytes announced`);
    hash.update(chunk);
    yield chunk;
  }
  if (expected.size !== undefined && bytes < expected.size) throw new Refused('invalid', `${what} has ${bytes} bytes where ${expected.size} were announced`);
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== expected.digest) throw new Refused('invalid', `${what} has the wrong content: digest ${actual} where ${expected.digest} was expected`);
}

/** The whole of a source in memory, at most `maxBytes`. */
export async function collect(source: AsyncIterable<Buffer>, maxBytes: number, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Refused('invalid', `${what} is larger than the limit of ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
