import { parseTimestamp } from './timestamps.js';
import type { Scalar } from './value.js';

/**
 * What type a plain scalar has, by the rules of Go's yaml.v3, which the docker CLI reads compose files with: YAML 1.2's
 * core schema, plus octals written `0440`, `0b` numbers, underscores in numbers, time stamps; without base 60 and yes/no.
 */
export function resolvePlain(source: string): Scalar {
  const word = words.get(source);
  if (word) return word;
  const first = source[0] as string;
  if (first === '.') return parseDotFloat(source) ?? text(source);
  if (!/[-+0-9]/.test(first)) return text(source);
  return parseTimestamp(source) ?? parseNumber(source.replaceAll('_', '')) ?? text(source);
}

/** The scalar under an explicit tag (`!!int "5"`), or nothing when the text is not of that type. */
export function resolveTagged(tag: string, source: string): Scalar | undefined {
  const name = tag.replace(/^tag:yaml\.org,2002:/, '!!');
  switch (name) {
    case '!!str':
      return text(source);
    case '!!binary':
      return decodeBinary(source);
    case '!!float': {
      const number = resolvePlain(source);
      return number.kind === 'int' ? { kind: 'float', value: Number(number.value) } : ofKind(number, 'float');
    }
    case '!!int':
      return ofKind(resolvePlain(source), 'int');
    case '!!bool':
      return ofKind(resolvePlain(source), 'bool');
    case '!!null':
      return ofKind(resolvePlain(source), 'null');
    case '!!timestamp':
      return parseTimestamp(source);
    default:
      return text(source);
  }
}

/** Whether a string can be written without quotes and still be read as that string. */
export function readsAsString(source: string): boolean {
  return resolvePlain(source).kind === 'string';
}

const words = new Map<string, Scalar>([
  ...['', '~', 'null', 'Null', 'NULL'].map((word): [string, Scalar] => [word, { kind: 'null' }]),
  ...['true', 'True', 'TRUE'].map((word): [string, Scalar] => [word, { kind: 'bool', value: true }]),
  ...['false', 'False', 'FALSE'].map((word): [string, Scalar] => [word, { kind: 'bool', value: false }]),
  ...['.nan', '.NaN', '.NAN'].map((word): [string, Scalar] => [word, { kind: 'float', value: NaN }]),
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map((word): [string, Scalar] => [word, { kind: 'float', value: Infinity }]),
  ...['-.inf', '-.Inf', '-.INF'].map((word): [string, Scalar] => [word, { kind: 'float', value: -Infinity }]),
]);

function text(source: string): Scalar {
  return { kind: 'string', text: source };
}

function ofKind(scalar: Scalar, kind: Scalar['kind']): Scalar | undefined {
  return scalar.kind === kind ? scalar : undefined;
}

function parseDotFloat(source: string): Scalar | undefined {
  return /^\.\d+([eE][-+]?\d+)?$/.test(source) ? finite(Number(source)) : undefined;
}

function parseNumber(source: string): Scalar | undefined {
  const integer = parseInteger(source);
  if (integer !== undefined) return { kind: 'int', value: integer };
  if (/^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/.test(source)) return finite(Number(source));
  return undefined;
}

function finite(value: number): Scalar | undefined {
  return Number.isFinite(value) ? { kind: 'float', value } : undefined;
}

const integers = [
  { form: /^([-+]?)0[xX]([0-9a-fA-F]+)$/, prefix: '0x' },
  { form: /^([-+]?)0[bB]([01]+)$/, prefix: '0b' },
  { form: /^([-+]?)0[oO]?([0-7]+)$/, prefix: '0o' },
  { form: /^([-+]?)(0|[1-9][0-9]*)$/, prefix: '' },
];

/** An integer that fits 64 bits, signed or (without a sign) unsigned. */
function parseInteger(source: string): bigint | undefined {
  for (const { form, prefix } of integers) {
    const match = form.exec(source);
    if (!match) continue;
    const magnitude = BigInt(prefix + match[2]);
    const value = match[1] === '-' ? -magnitude : magnitude;
    const largest = match[1] ? 2n ** 63n - 1n : 2n ** 64n - 1n;
    return value >= -(2n ** 63n) && value <= largest ? value : undefined;
  }
  return undefined;
}

function decodeBinary(source: string): Scalar | undefined {
  const compact = source.replace(/[\r\n]/g, '');
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(compact)) return undefined;
  const bytes = Uint8Array.from(atob(compact), (character) => character.charCodeAt(0));
  return text(new TextDecoder().decode(bytes));
}
