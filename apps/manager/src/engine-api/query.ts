import { ApiError } from '../http/api-error.js';

/** The query of a request, as Fastify parsed it. */
export type Query = Record<string, string | string[] | undefined>;

export function queryText(query: Query, key: string): string | undefined {
  const value = query[key];
  return Array.isArray(value) ? value[0] : value;
}

/** Docker's loose booleans: everything but these words is true. */
export function looseBoolean(query: Query, key: string): boolean {
  const value = (queryText(query, key) ?? '').trim().toLowerCase();
  return !['', '0', 'no', 'false', 'none'].includes(value);
}

/** Go's `strconv.ParseBool`, for the parameters that Docker reads strictly. */
export function strictBoolean(query: Query, key: string): boolean {
  const value = queryText(query, key) ?? '';
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)) return true;
  if (['', '0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value)) return false;
  throw new ApiError(400, `invalid value for ${key}: strconv.ParseBool: parsing "${value}": invalid syntax`);
}

/** `?version=`: the version that an update is based on. */
export function versionOf(query: Query, kind: string): number {
  const value = queryText(query, 'version') ?? '';
  if (!/^[0-9]+$/.test(value)) throw new ApiError(400, `invalid ${kind} version '${value}': strconv.ParseUint: parsing "${value}": invalid syntax`);
  return Number(value);
}
