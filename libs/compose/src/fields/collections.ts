import type { Kind } from './kind.js';
import { orEmpty, within, wrongKind } from './kind.js';

/** A list of one kind; a later file's items are appended. */
export function listOf<T>(kind: Kind<T>): Kind<T[]> {
  return {
    decode(value, context) {
      if (value.kind !== 'list') return wrongKind(value, context, 'a list');
      return value.items.flatMap((item, index) => {
        const decoded = kind.decode(item, within(context, index));
        return decoded === undefined ? [] : [decoded];
      });
    },
    merge: (base, override) => [...base, ...override],
    print: (value) => (value.length === 0 ? undefined : value.map((item) => orEmpty(kind.print(item)))),
  };
}
