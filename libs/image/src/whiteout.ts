import { Refused } from '../../base/src/index.js';
import { printable } from '../../base/src/tar/tar-header.js';

const prefix = '.wh.';
const metaPrefix = '.wh..wh.';
const opaqueName = '.wh..wh..opq';

/** What a path means to the layers below (image-spec layer.md, "Whiteouts"). */
export type WhiteoutMeaning =
  | { kind: 'none' } // an ordinary entry
  | { kind: 'whiteout'; name: string } // hides `name`
  | { kind: 'opaque' } // hides everything in its directory
  | { kind: 'leftover' }; // bookkeeping of aufs, without meaning

export function whiteoutOf(path: string): WhiteoutMeaning {
  const parts = path.split('/');
  const name = parts.pop()!;
  if (parts.some((part) => part.startsWith(metaPrefix))) return { kind: 'leftover' };
  if (name === opaqueName) return { kind: 'opaque' };
  if (name.startsWith(metaPrefix)) return { kind: 'leftover' };
  if (parts.some((part) => part.startsWith(prefix))) throw invalid(path);
  if (!name.startsWith(prefix)) return { kind: 'none' };
  const hidden = name.slice(prefix.length);
  if (hidden === '' || hidden === '.' || hidden === '..') throw invalid(path);
  return { kind: 'whiteout', name: hidden };
}

function invalid(path: string): Refused {
  return new Refused('invalid', `layer entry "${printable(path)}" is not a valid whiteout`);
}
