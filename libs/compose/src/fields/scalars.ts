import { formatDuration, parseDuration } from '../../../base/src/index.js';
import { parseByteSize } from '../formats/byte-size.js';
import { formatFloat } from '../yaml/numbers.js';
import type { Value } from '../yaml/value.js';
import type { Context, Kind } from './kind.js';
import { replace, wrongKind } from './kind.js';

/** A string; empty is as good as absent. */
export const text: Kind<string> = {
  decode: (value, context) => readString(value, context) || undefined,
  merge: replace,
  print: (value) => value,
};

/** A boolean whose `false` cannot undo an earlier file's `true`. */
export const flag: Kind<boolean> = {
  decode: (value, context) => (value.kind === 'bool' ? value.value || undefined : wrongKind(value, context, 'true or false')),
  merge: replace,
  print: (value) => value,
};

/** A boolean whose `false` differs from absence; it still cannot undo an earlier file's `true`. */
export const optionalFlag: Kind<boolean> = {
  decode: (value, context) => (value.kind === 'bool' ? value.value : wrongKind(value, context, 'true or false')),
  merge: (base, override) => base || override,
  print: (value) => value,
};

/** A number of things, 0 or more; 0 differs from absence. */
export const optionalCount: Kind<bigint> = {
  decode: (value, context) => readUnsigned(value, context, 64),
  merge: replace,
  print: (value) => ({ raw: String(value) }),
};

/** A number of things whose 0 is as good as absent. */
export const count: Kind<bigint> = { ...optionalCount, decode: (value, context) => readUnsigned(value, context, 64) || undefined };

/** An integer whose 0 is as good as absent. */
export const signed: Kind<bigint> = { ...optionalCount, decode: (value, context) => readInteger(value, context) || undefined };

/** 32 bits; larger numbers lose their upper bits, as with Docker. */
export const port: Kind<bigint> = { ...optionalCount, decode: (value, context) => readUnsigned(value, context, 32) || undefined };

/** File permissions. */
export const mode: Kind<bigint> = { ...optionalCount, decode: (value, context) => readUnsigned(value, context, 32) };

export const ratio: Kind<number> = {
  decode: (value, context) => {
    if (value.kind !== 'int' && value.kind !== 'float') return wrongKind(value, context, 'a number');
    return Math.fround(Number(value.value)) || undefined;
  },
  merge: replace,
  print: (value) => ({ raw: formatFloat(value, true) }),
};

/** Nanoseconds; 0 is as good as absent. */
export const duration: Kind<bigint> = {
  decode: (value, context) => readDuration(value, context) || undefined,
  merge: replace,
  print: formatDuration,
};

/** Nanoseconds; 0 differs from absence, but does not override a value. */
export const optionalDuration: Kind<bigint> = {
  decode: (value, context) => readDuration(value, context),
  merge: (base, override) => override || base,
  print: formatDuration,
};

/** Bytes, printed as a string. */
export const byteSize: Kind<bigint> = {
  decode: (value, context) => {
    if (value.kind === 'int') return value.value || undefined;
    const bytes = value.kind === 'string' ? parseByteSize(value.text) : undefined;
    if (bytes !== undefined) return bytes || undefined;
    const written = value.kind === 'string' ? `"${value.text}"` : 'this';
    const suggestion = value.kind === 'string' && /^[0-9.]+ ?[kmgtp]i$/i.test(value.text) ? `write ${value.text}B` : 'sizes look like 512M, 1.5g or 64KiB';
    context.findings.problem(value.at, context.path, `${written} is not a size in bytes`, suggestion);
    return undefined;
  },
  merge: replace,
  print: (value) => String(value),
};

/** Bytes, or -1 for no limit; 0 is as good as absent. */
export const byteLimit: Kind<bigint> = {
  ...byteSize,
  decode: (value, context) => (value.kind === 'string' && value.text === '-1' ? -1n : byteSize.decode(value, context)),
};

/** An integer that may stand in quotes, as numbers of the Compose Specification may; 0 differs from absence. */
export const integerOrText: Kind<bigint> = {
  ...optionalCount,
  decode(value, context) {
    if (value.kind !== 'string') return readInteger(value, context);
    if (/^-?[0-9]+$/.test(value.text)) return BigInt(value.text);
    context.findings.problem(value.at, context.path, `"${value.text}" is not a whole number`);
    return undefined;
  },
};

/** A string for which a number may stand. */
export const textOrNumber: Kind<string> = {
  ...text,
  decode: (value, context) => (value.kind === 'int' ? String(value.value) : value.kind === 'float' ? formatFloat(value.value) : text.decode(value, context)),
};

export function readString(value: Value, context: Context): string | undefined {
  return value.kind === 'string' ? value.text : wrongKind(value, context, 'a string');
}

function readInteger(value: Value, context: Context): bigint | undefined {
  if (value.kind === 'int') return BigInt.asIntN(64, value.value);
  if (value.kind === 'float') return truncate(value.value, 2 ** 63, -(2n ** 63n));
  return wrongKind(value, context, 'a whole number');
}

/** Towards zero; from `limit` on the processor's mark for "does not fit" takes its place. */
function truncate(value: number, limit: number, overflow: bigint): bigint {
  return Math.abs(value) >= limit ? overflow : BigInt(Math.trunc(value));
}

function readUnsigned(value: Value, context: Context, bits: number): bigint | undefined {
  const integer = value.kind === 'int' ? value.value : value.kind === 'float' ? truncate(value.value, 2 ** 64, 2n ** 63n) : wrongKind(value, context, 'a whole number');
  if (integer === undefined) return undefined;
  if (integer >= 0n && !(value.kind === 'float' && value.value < 0)) return BigInt.asUintN(bits, integer);
  context.findings.problem(value.at, context.path, `must be 0 or more, but it is ${integer}`);
  return undefined;
}

function readDuration(value: Value, context: Context): bigint | undefined {
  const nanoseconds = value.kind === 'string' ? parseDuration(value.text) : wrongKind(value, context, 'a duration');
  if (nanoseconds === undefined && value.kind === 'string') {
    context.findings.problem(value.at, context.path, `"${value.text}" is not a duration`, 'durations look like 90s, 1m30s or 500ms');
  }
  return nanoseconds;
}
