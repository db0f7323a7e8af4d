import { stackLabel } from '../../../model/src/index.js';
import type { ComposeConfig } from '../compose-config.js';
import type { FileContent } from '../env-file.js';
import type { Findings, NoteKind, Position } from '../problems.js';
import { joinPath } from '../problems.js';

/** What every part of the conversion needs: the stack that names belong to, and where to report. */
export interface Scope {
  stack: string;
  config: ComposeConfig;
  findings: Findings;
  readFile: (path: string) => FileContent | undefined;
}

export function scoped(scope: Scope, name: string): string {
  return `${scope.stack}_${name}`;
}

/** The name in the cluster. */
export function nameOf(scope: Scope, key: string, object: { name?: string }): string {
  return object.name ?? scoped(scope, key);
}

/** The position of the path, or of the nearest mapping around it that was written down. */
export function positionOf(scope: Scope, path: string): Position {
  for (let near = path; near !== ''; near = near.replace(/(?:\.[^.[\]]*|\[\d+\])$|^[^.[]*$/, '')) {
    const found = scope.config.positions.get(near);
    if (found) return found;
  }
  return scope.config.positions.get('') as Position;
}

export function problem(scope: Scope, path: string, message: string, suggestion?: string): void {
  scope.findings.problem(positionOf(scope, path), path, message, suggestion);
}

export function note(scope: Scope, kind: NoteKind, path: string, message: string): void {
  scope.findings.note(kind, positionOf(scope, path), path, message);
}

/** Users' labels with the stack's name. */
export function withNamespace(scope: Scope, labels: Map<string, string> | undefined): Record<string, string> {
  return { ...toRecord(labels), [stackLabel]: scope.stack };
}

export function toRecord(map: Map<string, string> | undefined): Record<string, string> {
  return Object.fromEntries(map ?? []);
}

export function servicePath(name: string, key?: string): string {
  const path = joinPath('services', name);
  return key === undefined ? path : joinPath(path, key);
}

/** Drops what is undefined, so that two specs of the same meaning are equal. */
export function compact<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}

export function toNumber(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

/** 0 says as much as nothing. */
export function nonZero(value: bigint | undefined): number | undefined {
  return value ? Number(value) : undefined;
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
