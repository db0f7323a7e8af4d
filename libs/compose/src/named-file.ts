import { textOf } from './env-file.js';
import { absolutePath } from './formats/paths.js';
import type { Loading } from './load-alone.js';
import type { Findings, Position } from './problems.js';

/** A file that another one names. */
export interface NamedFile {
  absolute: string;
  /** As users know it: beside the file that names it. */
  path: string;
  text: string;
}

/** Undefined, and told, when it cannot be read. */
export function readNamed(name: string, at: Position, path: string, loading: Loading, findings: Findings): NamedFile | undefined {
  const absolute = absolutePath(loading.workingDir, name);
  const content = loading.readFile(absolute);
  if (content !== undefined) return { absolute, path: besides(at.file, name), text: textOf(content) };
  findings.problem(at, path, `the file ${absolute} cannot be read`);
  return undefined;
}

export function folderOf(absolute: string): string {
  return absolute.slice(0, absolute.lastIndexOf('/')) || '/';
}

function besides(file: string, name: string): string {
  const folder = file.includes('/') ? file.slice(0, file.lastIndexOf('/')) : '';
  if (name.startsWith('/') || folder === '') return name.replace(/^\.\//, '');
  return absolutePath(folder, name);
}
