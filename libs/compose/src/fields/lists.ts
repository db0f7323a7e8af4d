import { splitShellWords } from '../formats/shell-words.js';
import type { Printable } from '../yaml/emitter.js';
import { formatFloat } from '../yaml/numbers.js';
import type { ListValue, ScalarValue, Value } from '../yaml/value.js';
import type { Context, Kind } from './kind.js';
import { within, wrongKind } from './kind.js';
import { readString } from './scalars.js';

/** A list of strings; a later file's items are appended. */
export const strings: Kind<string[]> = {
  decode: (value, context) => (value.kind === 'list' ? readStrings(value, context) : wrongKind(value, context, 'a list')),
  merge: (base, override) => [...base, ...override],
  print: printStrings,
};

/** One string stands for a list of it. */
export const stringOrList: Kind<string[]> = {
  ...strings,
  decode: (value, context) => (value.kind === 'string' ? [value.text] : strings.decode(value, context)),
};

export const stringOrNumberList: Kind<string[]> = {
  ...strings,
  decode: (value, context) => (value.kind === 'list' ? value.items.map((item) => textOf(item as ScalarValue)) : wrongKind(value, context, 'a list')),
};

/** A command line or its words; a later file's command replaces the earlier one unless it is empty. */
export const shellCommand: Kind<string[]> = {
  decode(value, context) {
    if (value.kind !== 'string') return strings.decode(value, context);
    const words = splitShellWords(value.text);
    if (words) return words;
    context.findings.problem(value.at, context.path, 'a quote does not close, or a backslash ends the line', 'write the command as a list');
    return undefined;
  },
  merge: (base, override) => (override.length > 0 ? override : base),
  print: printStrings,
};

/** A string is run by the image's shell. */
export const healthTest: Kind<string[]> = {
  ...strings,
  decode: (value, context) => (value.kind === 'string' ? ['CMD-SHELL', value.text] : strings.decode(value, context)),
};

/** `host:address` in a list, with = also; as a mapping sorted by text. */
export const extraHosts: Kind<string[]> = {
  ...strings,
  decode(value, context) {
    if (value.kind === 'list') return value.items.flatMap((item, index) => hostOfItem(item, within(context, index)));
    if (value.kind !== 'map') return wrongKind(value, context, 'a list or a mapping');
    const lines = [...value.entries].flatMap(([host, entry]) => (entry.value.kind === 'null' ? [] : [`${host}:${verbS(entry.value as ScalarValue)}`]));
    return lines.sort().map(withoutBrackets);
  },
};

function hostOfItem(item: Value, context: Context): string[] {
  const line = textOf(item as ScalarValue);
  const separator = line.includes('=') ? '=' : ':';
  const index = line.indexOf(separator);
  if (index !== -1) return [withoutBrackets(`${line.slice(0, index)}:${line.slice(index + 1)}`)];
  context.findings.note('ignored', item.at, context.path, `"${line}" names no address; write host:address`);
  return [];
}

function withoutBrackets(line: string): string {
  const index = line.indexOf(':');
  const address = line.slice(index + 1);
  const bare = address.length > 2 && address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address;
  return `${line.slice(0, index)}:${bare}`;
}

function readStrings(value: ListValue, context: Context): string[] {
  return value.items.flatMap((item, index) => {
    const string = readString(item, within(context, index));
    return string === undefined ? [] : [string];
  });
}

/** A scalar as the text that it becomes in an environment variable or label. */
export function textOf(scalar: ScalarValue): string {
  switch (scalar.kind) {
    case 'string':
    case 'time':
      return scalar.text;
    case 'float':
      return formatFloat(scalar.value);
    case 'int':
    case 'bool':
      return String(scalar.value);
    case 'null':
      return '';
  }
}

/** What Go's `%s` makes of a number: Docker prints it like that, and containers have got such hosts lines ever since. */
function verbS(scalar: ScalarValue): string {
  if (scalar.kind === 'int') return `%!s(${scalar.value >= 2n ** 63n ? 'uint64' : 'int'}=${scalar.value})`;
  if (scalar.kind === 'float') return `%!s(float64=${formatFloat(scalar.value)})`;
  return textOf(scalar);
}

function printStrings(value: string[]): Printable | undefined {
  return value.length === 0 ? undefined : value;
}
