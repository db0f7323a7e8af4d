import { nearest } from '../../base/src/index.js';

/** What is wrong with, or remarkable about, a compose file, and where. */

/** A place in an input file; lines and columns count from 1. */
export interface Position {
  file: string;
  line: number;
  column: number;
}

/** A reason to refuse the input. `path` is dotted, list items in brackets: `services.web.ports[0]`; empty for the whole file. */
export interface Problem extends Position {
  path: string;
  message: string;
  /** What to write instead, if we can guess. */
  suggestion?: string;
}

/**
 * - `ignored`: has no effect in a swarm, as with Docker.
 * - `not-executed`: has an effect in Docker's swarm and is stored, but Shoal does not act on it yet.
 * - `deprecated`: works, but should be written differently.
 * - `surprising`: works, but probably not as its author meant.
 */
export type NoteKind = 'ignored' | 'not-executed' | 'deprecated' | 'surprising';

/** Something that does not stop the deployment but that its author should know. */
export interface Note extends Position {
  kind: NoteKind;
  path: string;
  message: string;
}

/** Collects everything found in one run, so that all of it is reported at once. */
export class Findings {
  readonly problems: Problem[] = [];
  readonly notes: Note[] = [];

  /** Of several problems of one key in one place only the first is kept: the others follow from it. */
  problem(at: Position, path: string, message: string, suggestion?: string): void {
    const { file, line, column } = at;
    const known = this.problems.some((other) => other.path === path && other.line === line && other.column === column && other.file === file);
    if (known) return;
    this.problems.push({ file, line, column, path, message, ...(suggestion === undefined ? {} : { suggestion }) });
  }

  note(kind: NoteKind, at: Position, path: string, message: string): void {
    const { file, line, column } = at;
    this.notes.push({ kind, file, line, column, path, message });
  }

  get ok(): boolean {
    return this.problems.length === 0;
  }

  /** Problems in reading order: by file as given, then line and column. */
  sortedProblems(files: string[]): Problem[] {
    return sortByPosition(this.problems, files);
  }

  sortedNotes(files: string[]): Note[] {
    return sortByPosition(this.notes, files);
  }
}

function sortByPosition<T extends Position>(items: T[], files: string[]): T[] {
  const order = (file: string): number => (files.includes(file) ? files.indexOf(file) : files.length);
  return [...items].sort((a, b) => order(a.file) - order(b.file) || a.line - b.line || a.column - b.column);
}

/** `file:line:column  path: message`, and the suggestion on the same line. */
export function formatProblem(problem: Problem): string {
  const where = `${problem.file}:${problem.line}:${problem.column}`;
  const path = problem.path ? `${problem.path}: ` : '';
  const suggestion = problem.suggestion ? ` (${problem.suggestion})` : '';
  return `${where}  ${path}${problem.message}${suggestion}`;
}

/** `services` + `web` → `services.web`; a number becomes an index. */
export function joinPath(path: string, part: string | number): string {
  if (typeof part === 'number') return `${path}[${part}]`;
  return path ? `${path}.${part}` : part;
}

/** The suggestion for a word that is not among those that could stand in its place; undefined when none is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const near = nearest(word, candidates);
  return near === undefined ? undefined : `did you mean "${near}"?`;
}
