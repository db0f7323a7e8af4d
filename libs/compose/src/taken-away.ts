import type { Findings } from './problems.js';
import { joinPath } from './problems.js';
import type { MapValue, Value } from './yaml/value.js';

/**
 * The document without what is tagged `!reset`, and the keys that lead to everything that `!reset` and `!override` take away
 * from earlier files and from what is extended. Extension fields are anybody's.
 */
export function takeAway(document: MapValue, findings: Findings): { document: MapValue; takenAway: string[][] } {
  const takenAway: string[][] = [];
  const visit = (value: Value, keys: string[], path: string): Value => {
    if (value.kind === 'list') {
      value.items.forEach((item, index) => item.tag && findings.problem(item.at, joinPath(path, index), `!${item.tag} cannot be said of an item`, 'say it of the list'));
      return { ...value, items: value.items.map((item, index) => visit(item, [...keys, String(index)], joinPath(path, index))) };
    }
    if (value.kind !== 'map') return value;
    const entries = [...value.entries].flatMap(([key, entry]) => {
      if (key.startsWith('x-')) return [[key, entry] as const];
      const inner = [...keys, key];
      if (entry.value.tag) takenAway.push(inner);
      return entry.value.tag === 'reset' ? [] : [[key, { ...entry, value: visit(entry.value, inner, joinPath(path, key)) }] as const];
    });
    return { ...value, entries: new Map(entries) };
  };
  return { document: visit(document, [], '') as MapValue, takenAway };
}

/** What is left of something decoded; its parts are mappings with known fields, or Maps. */
export function without<T>(value: T, [key, ...rest]: readonly string[]): T {
  if (key === undefined || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = value instanceof Map ? [...value] as [string, unknown][] : Object.entries(value);
  const left = entries.flatMap(([name, inner]): [string, unknown][] => (name !== key ? [[name, inner]] : rest.length > 0 ? [[name, without(inner, rest)]] : []));
  return (value instanceof Map ? new Map(left) : Object.fromEntries(left)) as T;
}
