import { Refused } from '../errors.js';

/** Go's own functions, and those that docker's `--format` knows. */
export const templateFunctions: Record<string, (...values: unknown[]) => unknown> = {
  json: (value) => JSON.stringify(value ?? null),
  join: (list, separator) => (Array.isArray(list) ? list : []).map(print).join(print(separator)),
  split: (text, separator) => print(text).split(print(separator)),
  lower: (text) => print(text).toLowerCase(),
  upper: (text) => print(text).toUpperCase(),
  title: (text) => print(text).replace(/(^|\s)(\S)/g, (_, before: string, letter: string) => before + letter.toUpperCase()),
  pad: (text, before, after) => (text === '' ? '' : ' '.repeat(Number(before)) + print(text) + ' '.repeat(Number(after))),
  truncate: (text, size) => [...print(text)].slice(0, Number(size)).join(''),
  println: (...values) => values.map(print).join(' ') + '\n',
  print: (...values) => values.map(print).join(''),
  printf: (format, ...values) => printf(print(format), values),
  len: (value) => lengthOf(value),
  index: (value, ...keys) => keys.reduce((at: unknown, key) => (at as Record<string, unknown> | undefined)?.[String(key)], value),
  eq: (a, ...others) => others.some((b) => a === b),
  ne: (a, b) => a !== b,
  lt: (a, b) => (a as number) < (b as number),
  le: (a, b) => (a as number) <= (b as number),
  gt: (a, b) => (a as number) > (b as number),
  ge: (a, b) => (a as number) >= (b as number),
  and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  or: (...values) => values.find(isTrue) ?? values.at(-1),
  not: (value) => !isTrue(value),
};

/** Go's idea of truth: not the zero value, not empty. */
export function isTrue(value: unknown): boolean {
  if (value === null || value === undefined) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object') return Object.keys(value).length > 0;
  return Boolean(value);
}

/** A value as Go prints it with %v. */
export function print(value: unknown): string {
  if (value === null || value === undefined) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(print).join(' ')}]`;
  if (typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${entries.map(([key, at]) => `${key}:${print(at)}`).join(' ')}]`;
  }
  return String(value);
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return new TextEncoder().encode(value).length;
  if (Array.isArray(value)) return value.length;
  return value && typeof value === 'object' ? Object.keys(value).length : 0;
}

function printf(format: string, values: unknown[]): string {
  const rest = [...values];
  return format.replace(/%(-?)(\d*)(?:\.(\d+))?([%vsdqtf])/g, (verb, minus: string, width: string, digits: string, kind: string) => {
    if (kind === '%') return '%';
    if (rest.length === 0) throw new Refused('invalid', `template: printf "${format}": no value for ${verb}`);
    const value = rest.shift();
    const text = kind === 'q' ? JSON.stringify(print(value)) : kind === 'f' ? Number(value).toFixed(Number(digits || 6)) : print(value);
    return minus ? text.padEnd(Number(width || 0)) : text.padStart(Number(width || 0));
  });
}
