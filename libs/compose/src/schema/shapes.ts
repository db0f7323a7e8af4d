import { parseDuration } from '../../../base/src/index.js';
import { didYouMean } from '../problems.js';
import type { Field, MapShape, ScalarCheck, Shape } from './shape.js';

/** The shapes that the compose schema is put together from. */

export const string: Shape = { scalars: { kinds: ['string'] } };
export const number: Shape = { scalars: { kinds: ['number'] } };
export const integer: Shape = { scalars: { kinds: ['integer'] } };
export const boolean: Shape = { scalars: { kinds: ['boolean'] } };

const isDuration: ScalarCheck = (value) => {
  if (value.kind === 'string' && parseDuration(value.text) !== undefined) return undefined;
  const text = value.kind === 'string' ? value.text : '';
  const suggestion = /^[0-9]+$/.test(text) ? `add a unit: ${text}s` : 'durations look like 90s, 1m30s or 500ms';
  return { message: `"${text}" is not a duration`, suggestion };
};

export const duration: Shape = { scalars: { kinds: ['string'], check: isDuration } };

export function oneOf(...words: string[]): Shape {
  const check: ScalarCheck = (value) => {
    const text = value.kind === 'string' ? value.text : '';
    if (words.includes(text)) return undefined;
    const suggestion = didYouMean(text, words);
    return { message: `"${text}" is not one of ${words.join(', ')}`, ...(suggestion && { suggestion }) };
  };
  return { scalars: { kinds: ['string'], check } };
}

export function list(items: Shape, unique = false): Shape {
  return { list: { items, ...(unique ? { unique: () => true } : {}) } };
}

/** A list in which no value may stand twice. */
export const strings = list(string, true);

export const stringOrList: Shape = { ...string, ...strings };

/** A command: a line that is split like a shell would, or its words. */
export const command: Shape = { ...string, ...list(string) };

const anyKey = /^.+$/;

/** `environment`, `labels` and their like: a mapping or a list of `key=value`. */
export const envOrLabels: Shape = {
  map: { fields: {}, patterns: [{ keys: anyKey, shape: { scalars: { kinds: ['string', 'number', 'null'] } } }] },
  ...strings,
};

/** Driver options: names to strings or numbers. */
export const options: Shape = openPattern(anyKey, { scalars: { kinds: ['string', 'number'] } });

export const optionsOrEmpty: Shape = openPattern(anyKey, { scalars: { kinds: ['string', 'number', 'null'] } });

/** Keys that match have the shape, others may be anything. */
export function openPattern(keys: RegExp, shape: Shape): Shape {
  return { map: { fields: {}, patterns: [{ keys, shape }], open: () => true } };
}

export function strictMap(fields: Record<string, Field>, required: string[] = []): Shape {
  return { map: { fields, required } };
}

/** Unknown keys are let through. */
export function openMap(fields: Record<string, Field>): Shape {
  return { map: { fields, open: () => true } };
}

export function field(shape: Shape, since = 0): Field {
  return { shape, since };
}

/** Extension fields `x-…`. */
export function extensions(since: number): NonNullable<MapShape['patterns']> {
  return [{ keys: /^x-/, shape: { any: true }, since }];
}
