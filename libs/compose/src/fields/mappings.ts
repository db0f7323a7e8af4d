import type { Printable } from '../yaml/emitter.js';
import { formatFloat } from '../yaml/numbers.js';
import type { ScalarValue, Value } from '../yaml/value.js';
import type { Context, Kind } from './kind.js';
import { printMap, within, wrongKind } from './kind.js';
import { textOf } from './lists.js';
import { readString } from './scalars.js';

/** `labels` and the like: a mapping, or a list of `key=value`; a key without a value has an empty one. */
export const labels: Kind<Map<string, string>> = {
  decode: (value, context) => decodePairs(value, context, () => ''),
  merge: (base, override) => new Map([...base, ...override]),
  print: (value) => (value.size === 0 ? undefined : printMap(value, (text) => text)),
};

/** Driver options: a mapping only. */
export const options: Kind<Map<string, string>> = {
  ...labels,
  decode: (value, context) => (value.kind === 'map' ? labels.decode(value, context) : wrongKind(value, context, 'a mapping')),
};

/** A key without a value is null: taken from the client's environment, or unset. */
export const environment: Kind<Map<string, string | null>> = {
  decode: (value, context) => decodePairs<string | null>(value, context, () => null),
  merge(base, override) {
    const merged = new Map(base);
    for (const [key, value] of override) {
      const earlier = base.get(key);
      const keeps = earlier !== undefined && earlier !== null && earlier !== '' && !value;
      if (!keeps) merged.set(key, value);
    }
    return merged;
  },
  print: (value) => (value.size === 0 ? undefined : printMap(value, (text) => text)),
};

function decodePairs<T extends string | null>(value: Value, context: Context, empty: () => T): Map<string, string | T> | undefined {
  const pairs = new Map<string, string | T>();
  if (value.kind === 'map') {
    for (const [key, entry] of value.entries) {
      pairs.set(key, entry.value.kind === 'null' ? empty() : textOf(entry.value as ScalarValue));
    }
    return pairs;
  }
  if (value.kind !== 'list') return wrongKind(value, context, 'a list or a mapping');
  value.items.forEach((item, index) => {
    const line = readString(item, within(context, index));
    if (line === undefined) return;
    const equals = line.indexOf('=');
    pairs.set(equals === -1 ? line : line.slice(0, equals), equals === -1 ? empty() : line.slice(equals + 1));
  });
  return pairs;
}

/** Extension fields: any data, kept as it is. */
export const extensions: Kind<Map<string, Value>> = {
  decode(value, context) {
    if (value.kind !== 'map') return wrongKind(value, context, 'a mapping');
    const found = [...value.entries].filter(([key]) => key.startsWith('x-')).map(([key, entry]) => [key, entry.value] as const);
    return found.length > 0 ? new Map(found) : undefined;
  },
  merge: (base, override) => mergeExtensions(base, override),
  print: (value) => printMap(value, printValue),
};

/** Mappings are merged, lists appended, anything else is replaced. */
function mergeExtensions(base: Map<string, Value>, override: Map<string, Value>): Map<string, Value> {
  const merged = new Map(base);
  for (const [key, value] of override) {
    const earlier = base.get(key);
    merged.set(key, earlier ? mergeValue(earlier, value) : value);
  }
  return merged;
}

function mergeValue(base: Value, override: Value): Value {
  if (base.kind === 'list' && override.kind === 'list') return { ...base, items: [...base.items, ...override.items] };
  if (base.kind !== 'map' || override.kind !== 'map') return override;
  const entries = new Map(base.entries);
  for (const [key, entry] of override.entries) {
    const earlier = base.entries.get(key);
    entries.set(key, earlier ? { ...entry, value: mergeValue(earlier.value, entry.value) } : entry);
  }
  return { ...base, entries };
}

/** Docker refuses to append a list to what is not one; the path of such a pair, or nothing. */
export function unmergeable(base: Map<string, Value>, override: Map<string, Value>): { key: string; value: Value } | undefined {
  for (const [key, value] of override) {
    const earlier = base.get(key);
    if (!earlier || earlier.kind === 'null') continue;
    if (value.kind === 'list' && earlier.kind !== 'list') return { key, value };
    if (value.kind !== 'map' || earlier.kind !== 'map') continue;
    const inner = unmergeable(valuesOf(earlier), valuesOf(value));
    if (inner) return { key: `${key}.${inner.key}`, value: inner.value };
  }
  return undefined;
}

function valuesOf(map: Extract<Value, { kind: 'map' }>): Map<string, Value> {
  return new Map([...map.entries].map(([key, entry]) => [key, entry.value]));
}

function printValue(value: Value): Printable {
  switch (value.kind) {
    case 'map':
      return printMap(valuesOf(value), printValue);
    case 'list':
      return value.items.map(printValue);
    case 'string':
      return value.text;
    case 'int':
      return { raw: String(value.value) };
    case 'float':
      return { raw: formatFloat(value.value) };
    case 'time':
      return { raw: value.rfc3339 };
    case 'bool':
      return value.value;
    case 'null':
      return null;
  }
}
