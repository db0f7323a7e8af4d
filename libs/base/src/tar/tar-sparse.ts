import { Refused } from '../errors.js';
import type { ByteReader } from './byte-reader.js';
import { truncated } from './byte-reader.js';
import type { Pax, SparsePiece, TarHeader } from './tar-header.js';
import { blockSize, number } from './tar-header.js';

/** More pieces than any real file has; each costs memory. */
const maxPieces = 1_000_000;

/** Old GNU format (type `S`): four pieces in the header, 21 in each extension block. */
export async function oldSparseMap(reader: ByteReader, header: Buffer): Promise<NonNullable<TarHeader['sparse']>> {
  const pieces = piecesIn(header, 386, 4);
  let more = header[482] !== 0;
  while (more) {
    const block = await reader.exactly(blockSize);
    if (block === undefined) throw truncated();
    pieces.push(...piecesIn(block, 0, 21));
    if (pieces.length > maxPieces) throw tooMany();
    more = block[504] !== 0;
  }
  return checked({ pieces, realSize: number(header, 483, 12) });
}

function piecesIn(block: Buffer, offset: number, count: number): SparsePiece[] {
  const pieces: SparsePiece[] = [];
  for (let i = 0; i < count; i++) {
    const at = offset + i * 24;
    if (block[at] === 0) break;
    pieces.push({ offset: number(block, at, 12), length: number(block, at + 12, 12) });
  }
  return pieces;
}

/**
 * The PAX formats 0.1 (map in the header) and 1.0 (map in front of the content).
 * Sets `header.sparse` and the real name; returns how many content bytes the map took.
 */
export async function paxSparse(reader: ByteReader, header: TarHeader, pax: Pax): Promise<number> {
  const map = pax.get('GNU.sparse.map');
  const isVersion1 = pax.get('GNU.sparse.major') === '1';
  if (header.type !== 'file' || (map === undefined && !isVersion1)) return 0;
  header.name = pax.get('GNU.sparse.name') ?? header.name;
  const realSize = Number(pax.get('GNU.sparse.realsize') ?? pax.get('GNU.sparse.size'));
  if (map !== undefined) {
    header.sparse = checked({ pieces: pairs(map.split(',').map(Number)), realSize });
    return 0;
  }
  const numbers: number[] = [];
  let text = '';
  let taken = 0;
  for (let wanted = 1; numbers.length < wanted; wanted = 1 + 2 * (numbers[0] ?? 0)) {
    const block = taken + blockSize <= header.size ? await reader.exactly(blockSize) : undefined;
    if (block === undefined) throw truncated();
    taken += blockSize;
    const lines = (text + block.toString('latin1')).split('\n');
    text = lines.pop()!;
    for (const line of lines) numbers.push(Number(line));
    if ((numbers[0] ?? 0) > maxPieces) throw tooMany();
  }
  header.sparse = checked({ pieces: pairs(numbers.slice(1, 1 + 2 * numbers[0]!)), realSize });
  return taken;
}

function pairs(numbers: number[]): SparsePiece[] {
  const pieces: SparsePiece[] = [];
  for (let i = 0; i + 1 < numbers.length; i += 2) pieces.push({ offset: numbers[i]!, length: numbers[i + 1]! });
  return pieces;
}

function checked(sparse: NonNullable<TarHeader['sparse']>): NonNullable<TarHeader['sparse']> {
  let end = 0;
  for (const piece of [...sparse.pieces, { offset: sparse.realSize, length: 0 }]) {
    if (!Number.isSafeInteger(piece.offset) || !Number.isSafeInteger(piece.length) || piece.length < 0 || piece.offset < end) {
      throw new Refused('invalid', 'a sparse tar entry has an impossible map');
    }
    end = piece.offset + piece.length;
  }
  return sparse;
}

function tooMany(): Refused {
  return new Refused('invalid', `a sparse tar entry has more than ${maxPieces} pieces`);
}
