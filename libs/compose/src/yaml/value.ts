import type { Position } from '../problems.js';

/**
 * A YAML document as data, every part with its position. Integers and floats stay apart and integers exact,
 * because the text that a number becomes (in an environment variable, say) depends on it.
 */
export type Value = (MapValue | ListValue | ScalarValue) & Tagged;

export interface Tagged {
  /** `!reset`: what earlier files say here is taken away, and this too; `!override`: this replaces it. */
  tag?: 'reset' | 'override';
}

export interface MapValue {
  kind: 'map';
  at: Position;
  entries: Map<string, Entry>;
}

export interface Entry {
  /** Where the key is written. */
  keyAt: Position;
  value: Value;
}

export interface ListValue {
  kind: 'list';
  at: Position;
  items: Value[];
}

export type ScalarValue = { at: Position } & Scalar;

export type Scalar =
  | { kind: 'string'; text: string }
  | { kind: 'int'; value: bigint }
  | { kind: 'float'; value: number }
  | { kind: 'bool'; value: boolean }
  | { kind: 'null' }
  /** `rfc3339` is how it is printed as YAML, `text` how it reads as a string. */
  | { kind: 'time'; rfc3339: string; text: string };

export function get(map: MapValue, key: string): Value | undefined {
  return map.entries.get(key)?.value;
}

/** What a user calls this kind of value. */
export function describeKind(value: Value): string {
  switch (value.kind) {
    case 'map':
      return 'a mapping';
    case 'list':
      return 'a list';
    case 'string':
      return 'a string';
    case 'int':
    case 'float':
      return 'a number';
    case 'bool':
      return 'true or false';
    case 'null':
      return 'empty';
    case 'time':
      return 'a date';
  }
}

/** The value without its positions, as text: equal for values that JSON cannot tell apart. */
export function canonical(value: Value): string {
  switch (value.kind) {
    case 'map': {
      const keys = [...value.entries.keys()].sort();
      return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(get(value, key) as Value)}`).join(',')}}`;
    }
    case 'list':
      return `[${value.items.map(canonical).join(',')}]`;
    case 'string':
      return JSON.stringify(value.text);
    case 'time':
      return JSON.stringify(value.rfc3339);
    case 'int':
      return String(value.value);
    case 'float':
      return Number.isInteger(value.value) ? String(BigInt(value.value)) : String(value.value);
    case 'bool':
      return String(value.value);
    case 'null':
      return 'null';
  }
}
