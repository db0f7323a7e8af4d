import type { Findings, Position } from '../problems.js';
import { joinPath } from '../problems.js';
import type { Printable } from '../yaml/emitter.js';
import { compareKeys } from '../yaml/key-order.js';
import { describeKind } from '../yaml/value.js';
import type { MapValue, Value } from '../yaml/value.js';

/**
 * One kind of field of a compose file: how it is read into its long form, how a later file changes it, and how it is
 * printed. The tables in `compose-config.ts` are made of these.
 */
export interface Kind<T> {
  /** Undefined is the zero value: as good as not written. What cannot be read is reported to the context. */
  decode(value: Value, context: Context): T | undefined;
  /** Both are present. */
  merge(base: T, override: T): T | undefined;
  /** What becomes of the value when a later file has the same service but does not mention this key; default: it stays. */
  unmentioned?(base: T): T;
  /** Undefined: left out. */
  print(value: T): Printable | undefined;
}

/** Read and obeyed, but not printed: `docker stack config`, whose output ours equals, lets the key through and forgets it. */
export function unprinted<T>(kind: Kind<T>): Kind<T> {
  return { ...kind, print: () => undefined };
}

export interface Context {
  path: string;
  findings: Findings;
}

export function within(context: Context, part: string | number): Context {
  return { ...context, path: joinPath(context.path, part) };
}

function mergeOptional<T>(kind: Kind<T>, base: T | undefined, override: T | undefined): T | undefined {
  if (base === undefined) return override;
  if (override === undefined) return kind.unmentioned ? kind.unmentioned(base) : base;
  return kind.merge(base, override);
}

/** Reports a value of the wrong kind, which only the corners of the schema that are not checked can hold. */
export function wrongKind(value: Value, context: Context, wanted: string): undefined {
  context.findings.problem(value.at, context.path, `must be ${wanted}, but it is ${describeKind(value)}`);
  return undefined;
}

type Fields = Record<string, Kind<any>>;
type Decoded<K> = K extends Kind<infer T> ? T : never;
export type Struct<F extends Fields> = { [K in keyof F]?: Decoded<F[K]> };

export interface StructOptions {
  /** Printed even when nothing is in it: its presence means something. */
  keepEmpty?: boolean;
}

/** A mapping with known fields; they are printed in the order of the table. */
export function struct<F extends Fields>(fields: F, options: StructOptions = {}): Kind<Struct<F>> {
  const names = Object.keys(fields) as (keyof F & string)[];
  return {
    decode(value, context) {
      if (value.kind !== 'map') return wrongKind(value, context, 'a mapping');
      const decoded: Struct<F> = {};
      for (const name of names) {
        const entry = findEntry(value, name);
        if (entry === undefined || entry.value.kind === 'null') continue;
        const field = (fields[name] as Kind<unknown>).decode(entry.value, within(context, entry.key));
        if (field !== undefined) decoded[name] = field as Struct<F>[typeof name];
      }
      return decoded;
    },
    merge(base, override) {
      const merged: Struct<F> = {};
      for (const name of names) {
        const field = mergeOptional(fields[name] as Kind<unknown>, base[name], override[name]);
        if (field !== undefined) merged[name] = field as Struct<F>[typeof name];
      }
      return merged;
    },
    print(value) {
      const printed = printFields(fields, value);
      return printed.size > 0 || options.keepEmpty ? printed : undefined;
    },
  };
}

export function printFields<F extends Fields>(fields: F, value: Struct<F>): Map<string, Printable> {
  const printed = new Map<string, Printable>();
  for (const [name, kind] of Object.entries(fields)) {
    const field = value[name];
    const text = field === undefined ? undefined : kind.print(field);
    if (text !== undefined) printed.set(name, text);
  }
  return printed;
}

/** Where the schema lets unknown keys through, Docker also takes a key that differs only in case. */
function findEntry(map: MapValue, name: string): { key: string; value: Value } | undefined {
  const exact = map.entries.get(name);
  if (exact) return { key: name, value: exact.value };
  for (const [key, entry] of map.entries) if (key.toLowerCase() === name) return { key, value: entry.value };
  return undefined;
}

/** A mapping from names to values of one kind; a later file's value replaces or changes the value of the same name. */
export function mapOf<T>(kind: Kind<T>, mergeValues: (base: T, override: T) => T): Kind<Map<string, T>> {
  return {
    decode(value, context) {
      if (value.kind !== 'map') return wrongKind(value, context, 'a mapping');
      const decoded = new Map<string, T>();
      for (const [key, entry] of value.entries) {
        const item = kind.decode(entry.value, within(context, key));
        if (item !== undefined) decoded.set(key, item);
      }
      return decoded;
    },
    merge(base, override) {
      const merged = new Map(base);
      for (const [key, item] of override) {
        const earlier = base.get(key);
        merged.set(key, earlier === undefined ? item : mergeValues(earlier, item));
      }
      return merged;
    },
    print(value) {
      return value.size === 0 ? undefined : printMap(value, (item) => orEmpty(kind.print(item)));
    },
  };
}

export function printMap<T>(map: Map<string, T>, print: (item: T) => Printable): Map<string, Printable> {
  const keys = [...map.keys()].sort(compareKeys);
  return new Map(keys.map((key) => [key, print(map.get(key) as T)]));
}

/** What is present is printed, even when nothing is in it. */
export function orEmpty(printed: Printable | undefined): Printable {
  return printed === undefined ? new Map<string, Printable>() : printed;
}

export function replace<T>(_base: T, override: T): T {
  return override;
}

/** An item of a list, with the place it was written at. */
export type Located<T> = T & { at: Position };
