import { ApiError } from '../http/api-error.js';
import type { Labels } from '../../../../libs/model/src/index.js';

/** The `filters` query parameter: key → wanted values. Values of one key are alternatives, but for labels. */
export class Filters {
  constructor(readonly values: ReadonlyMap<string, readonly string[]>) {}

  /** Reads both forms: `{"label":{"a=b":true}}` (the docker CLI) and `{"label":["a=b"]}` (everybody else). Unknown keys are refused. */
  static parse(text: string | undefined, known: readonly string[] | 'any'): Filters {
    const values = new Map<string, string[]>();
    if (text === undefined || text === '') return new Filters(values);
    for (const [key, wanted] of Object.entries(parseObject(text))) {
      if (known !== 'any' && !known.includes(key)) throw new ApiError(400, `Invalid filter '${key}'`);
      values.set(key, valuesOf(key, wanted));
    }
    return new Filters(values);
  }

  get(key: string): readonly string[] {
    return this.values.get(key) ?? [];
  }

  /** True when the key is not asked for, or one of its values is equal. */
  equal(key: string, ...candidates: string[]): boolean {
    const wanted = this.values.get(key);
    return wanted === undefined || wanted.length === 0 || wanted.some((value) => candidates.includes(value));
  }

  /** Like `equal`, with values that are prefixes. */
  prefix(key: string, ...candidates: string[]): boolean {
    const wanted = this.values.get(key);
    return wanted === undefined || wanted.length === 0 || wanted.some((value) => candidates.some((candidate) => candidate.startsWith(value)));
  }

  /** `k` asks for the key, `k=v` for the value; several must all hold. */
  labels(key: string, labels: Labels | undefined): boolean {
    return this.get(key).every((wanted) => {
      const equals = wanted.indexOf('=');
      if (equals < 0) return labels?.[wanted] !== undefined;
      return labels?.[wanted.slice(0, equals)] === wanted.slice(equals + 1);
    });
  }
}

function parseObject(text: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new ApiError(400, `invalid filters: ${(error as Error).message}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new ApiError(400, 'invalid filters: they must be a JSON object');
  return parsed as Record<string, unknown>;
}

function valuesOf(key: string, wanted: unknown): string[] {
  if (Array.isArray(wanted) && wanted.every((value) => typeof value === 'string')) return wanted;
  if (typeof wanted === 'object' && wanted !== null && !Array.isArray(wanted)) return Object.keys(wanted);
  throw new ApiError(400, `invalid filters: ${key} must be a list of strings or an object`);
}
