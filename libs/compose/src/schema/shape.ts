import { didYouMean, joinPath, type Findings } from '../problems.js';
import { canonical, describeKind } from '../yaml/value.js';
import type { ListValue, MapValue, Value } from '../yaml/value.js';

/** What a value may look like: at most one alternative per kind of value. `minor` is the y of version 3.y. */
export interface Shape {
  /** Said in messages: "must be a list or a mapping". */
  scalars?: { kinds: ('string' | 'number' | 'integer' | 'boolean' | 'null')[]; check?: ScalarCheck };
  map?: MapShape;
  list?: { items: Shape; unique?: (minor: number) => boolean };
  /** Anything at all. */
  any?: true;
}

/** Why a scalar is refused although its kind is right, or nothing. */
export type ScalarCheck = (value: Value, minor: number) => { message: string; suggestion?: string } | undefined;

export interface MapShape {
  fields: Record<string, Field>;
  /** Keys that are names, and extension fields. */
  patterns?: { keys: RegExp; shape: Shape; since?: number }[];
  /** Whether unknown keys are let through, as some corners of the schema do. */
  open?: (minor: number) => boolean;
  required?: string[];
}

export interface Field {
  shape: Shape;
  since: number;
  /** The last version in which the key stood here. */
  shapeBefore?: { minor: number; shape: Shape };
}

/** Reports everything in the value that the shape does not allow. */
export function validate(value: Value, shape: Shape, path: string, minor: number, findings: Findings): void {
  if (shape.any) return;
  if (value.kind === 'map' && shape.map) return validateMap(value, shape.map, path, minor, findings);
  if (value.kind === 'list' && shape.list) return validateList(value, shape.list, path, minor, findings);
  if (!isAllowedScalar(value, shape)) {
    const got = value.kind === 'null' ? 'it is empty' : `it is ${describeKind(value)}`;
    findings.problem(value.at, path, `must be ${expected(shape)}, but ${got}`, hint(value, shape));
    return;
  }
  const refused = shape.scalars?.check?.(value, minor);
  if (refused) findings.problem(value.at, path, refused.message, refused.suggestion);
}

function isAllowedScalar(value: Value, shape: Shape): boolean {
  return (shape.scalars?.kinds ?? []).some((kind) => {
    if (kind === 'number') return value.kind === 'int' || value.kind === 'float';
    if (kind === 'integer') return value.kind === 'int' || (value.kind === 'float' && Number.isInteger(value.value));
    if (kind === 'string') return value.kind === 'string' || value.kind === 'time';
    return kind === 'boolean' ? value.kind === 'bool' : value.kind === 'null';
  });
}

function expected(shape: Shape): string {
  const names = { string: 'a string', number: 'a number', integer: 'a whole number', boolean: 'true or false', null: 'empty' };
  const parts = (shape.scalars?.kinds ?? []).map((kind) => names[kind]);
  if (shape.list) parts.push('a list');
  if (shape.map) parts.push('a mapping');
  return parts.length < 2 ? (parts[0] ?? 'left out') : `${parts.slice(0, -1).join(', ')} or ${parts.at(-1)}`;
}

function hint(value: Value, shape: Shape): string | undefined {
  const wantsString = shape.scalars?.kinds.includes('string');
  if (wantsString && value.kind !== 'map' && value.kind !== 'list' && value.kind !== 'null') return 'put it in quotes';
  const wantsNumber = shape.scalars?.kinds.some((kind) => kind === 'integer' || kind === 'number');
  if (wantsNumber && value.kind === 'string' && /^[0-9]+$/.test(value.text)) return 'write it without quotes';
  return undefined;
}

function validateList(value: ListValue, shape: NonNullable<Shape['list']>, path: string, minor: number, findings: Findings): void {
  value.items.forEach((item, index) => validate(item, shape.items, joinPath(path, index), minor, findings));
  if (!shape.unique?.(minor)) return;
  const seen = new Map<string, number>();
  value.items.forEach((item, index) => {
    const text = canonical(item);
    const earlier = seen.get(text);
    if (earlier === undefined) seen.set(text, index);
    else findings.problem(item.at, joinPath(path, index), `the same value is already item ${earlier + 1} of this list`, 'remove one of them');
  });
}

function validateMap(value: MapValue, shape: MapShape, path: string, minor: number, findings: Findings): void {
  for (const [key, entry] of value.entries) {
    const inner = joinPath(path, key);
    const shapes = shapesOfKey(key, shape, minor);
    for (const candidate of shapes) validate(entry.value, candidate, inner, minor, findings);
    if (shapes.length > 0 || shape.open?.(minor)) continue;
    const { message, suggestion } = explainUnknown(key, shape, minor);
    findings.problem(entry.keyAt, inner, message, suggestion);
  }
  for (const key of shape.required ?? []) {
    if (!value.entries.has(key)) findings.problem(value.at, path, `"${key}" is missing`);
  }
}

/** A key that is declared and matches a pattern too must satisfy both. */
function shapesOfKey(key: string, shape: MapShape, minor: number): Shape[] {
  const field = Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined;
  const named = field && field.since <= minor ? [shapeAt(field, minor)] : [];
  const patterns = (shape.patterns ?? []).filter(({ keys, since = 0 }) => since <= minor && keys.test(key));
  return [...named, ...patterns.map((pattern) => pattern.shape)];
}

function shapeAt(field: Field, minor: number): Shape {
  return field.shapeBefore && minor < field.shapeBefore.minor ? field.shapeBefore.shape : field.shape;
}

function explainUnknown(key: string, shape: MapShape, minor: number): { message: string; suggestion?: string } {
  const later = Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined;
  if (later) return { message: `"${key}" exists since version 3.${later.since}; this file says 3.${minor}`, suggestion: 'remove the "version" line' };
  const extensions = shape.patterns?.find(({ keys, since }) => since !== undefined && keys.test(key));
  if (extensions) return { message: `extension fields exist here since version 3.${extensions.since}; this file says 3.${minor}` };
  const names = shape.patterns?.some(({ since }) => since === undefined);
  if (names) return { message: `"${key}" is not a valid name`, suggestion: 'names consist of letters, digits, ".", "_" and "-"' };
  const suggestion = didYouMean(key, Object.keys(shape.fields).filter((name) => (shape.fields[name] as Field).since <= minor));
  return { message: `"${key}" is not a key here`, ...(suggestion && { suggestion }) };
}
