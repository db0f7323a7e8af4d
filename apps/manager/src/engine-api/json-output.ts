/** JSON of an answer. */
export type Json = Record<string, unknown>;

/** Go's `omitempty`: leaves out what is absent, empty, zero or false. */
export function omitEmpty(object: Json): Json {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => !isEmpty(value)));
}

/** Leaves out only what is absent: for Go's pointers, and for specs of ours, so that equal ones are stored equally. */
export function omitAbsent<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true;
  return Array.isArray(value) && value.length === 0;
}

/** An empty map is as good as none. */
export function nonEmptyMap<T>(map: Record<string, T> | undefined): Record<string, T> | undefined {
  return map && Object.keys(map).length > 0 ? map : undefined;
}

/** Members that every stored object shows. */
export function meta(object: { version: number; createdAt: string; updatedAt: string }): Json {
  return { Version: { Index: object.version }, CreatedAt: object.createdAt, UpdatedAt: object.updatedAt };
}
