import type { Context, Kind, Located } from './kind.js';
import { within, wrongKind } from './kind.js';
import type { Printable } from '../yaml/emitter.js';
import type { Value } from '../yaml/value.js';

/**
 * A list whose items are told apart by one of their fields. When a second file knows the service, items of equal key
 * replace earlier ones, also within one list, and the result is sorted by key; a list that only one file has stays as it is.
 */
export function keyedList<T extends object, K extends string | bigint>(
  kind: Kind<T>,
  keyOf: (item: T) => K,
  decodeShort: (value: Value, context: Context) => T[] | undefined,
): Kind<Located<T>[]> {
  return {
    decode(value, context) {
      if (value.kind !== 'list') return wrongKind(value, context, 'a list');
      return value.items.flatMap((item, index) => {
        const inner = within(context, index);
        const decoded = item.kind === 'map' ? kind.decode(item, inner) : decodeShort(item, inner);
        const items = decoded === undefined ? [] : Array.isArray(decoded) ? decoded : [decoded];
        return items.map((each) => ({ ...each, at: item.at }));
      });
    },
    merge: (base, override) => sortByKey([...base, ...override], keyOf),
    unmentioned: (base) => sortByKey(base, keyOf),
    print(value) {
      return value.length === 0 ? undefined : value.map((item) => kind.print(item) ?? new Map<string, Printable>());
    },
  };
}

function sortByKey<T extends object, K extends string | bigint>(items: T[], keyOf: (item: T) => K): T[] {
  const byKey = new Map(items.map((item) => [keyOf(item), item]));
  return [...byKey.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0));
}
