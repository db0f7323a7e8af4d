import { ApiError } from '../http/api-error.js';
import type { Labels } from '../../../../libs/model/src/index.js';

/**
 * A JSON object from outside, read member by member with its type checked. `null` is absent, as in Go;
 * a wrong type is a 400 that names the member.
 */
export class JsonInput {
  constructor(
    readonly members: Record<string, unknown>,
    readonly path: string,
  ) {}

  static from(value: unknown, path: string): JsonInput {
    if (value === undefined) throw new ApiError(400, 'invalid JSON: got EOF while reading request body');
    if (!isObject(value)) throw new ApiError(400, `invalid JSON: ${path} must be an object`);
    return new JsonInput(value, path);
  }

  string(key: string): string | undefined {
    return this.#typed(key, 'string', (value): value is string => typeof value === 'string');
  }

  boolean(key: string): boolean | undefined {
    return this.#typed(key, 'boolean', (value): value is boolean => typeof value === 'boolean');
  }

  number(key: string): number | undefined {
    return this.#typed(key, 'number', (value): value is number => typeof value === 'number' && Number.isFinite(value));
  }

  integer(key: string): number | undefined {
    return this.#typed(key, 'whole number', (value): value is number => Number.isInteger(value));
  }

  /** A count: Go's unsigned types refuse negative numbers too. */
  count(key: string): number | undefined {
    return this.#typed(key, 'whole number from 0', (value): value is number => Number.isInteger(value) && (value as number) >= 0);
  }

  strings(key: string): string[] | undefined {
    return this.#typed(key, 'list of strings', (value): value is string[] => Array.isArray(value) && value.every((item) => typeof item === 'string'));
  }

  labels(key: string): Labels | undefined {
    return this.#typed(key, 'object of strings', (value): value is Labels => isObject(value) && Object.values(value).every((item) => typeof item === 'string'));
  }

  object(key: string): JsonInput | undefined {
    const value = this.#typed(key, 'object', isObject);
    return value && new JsonInput(value, this.#name(key));
  }

  objects(key: string): JsonInput[] {
    const list = this.#typed(key, 'list of objects', (value): value is Record<string, unknown>[] => Array.isArray(value) && value.every(isObject));
    return (list ?? []).map((item, index) => new JsonInput(item, `${this.#name(key)}[${index}]`));
  }

  #typed<T>(key: string, expected: string, is: (value: unknown) => value is T): T | undefined {
    const value = this.members[key];
    if (value === undefined || value === null) return undefined;
    if (!is(value)) throw new ApiError(400, `invalid JSON: ${this.#name(key)} must be a ${expected}`);
    return value;
  }

  #name(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
