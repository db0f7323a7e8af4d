import type { ComposeConfig } from './compose-config.js';
import type { Note, Position } from './problems.js';
import { effectOf } from './section-table.js';

export interface LintLine extends Position {
  path: string;
  /** As Docker says; something else, or more; nothing at all. */
  verdict: 'acts' | 'differs' | 'unsupported';
  message: string;
}

const verdicts = { acts: 'acts', differs: 'differs', none: 'unsupported' } as const;
const verdictOfNote = { ignored: 'unsupported', 'not-executed': 'unsupported', deprecated: 'differs', surprising: 'differs' } as const;

/** One line for every key that means something by itself, and for everything remarkable below; in reading order. */
export function lint(config: ComposeConfig, notes: readonly Note[]): LintLine[] {
  const lines = new Map<string, LintLine>();
  for (const [path, position] of config.positions) {
    const keys = keysOf(config, path);
    const effect = keys && effectOf(keys);
    if (effect) lines.set(path, { ...position, path, verdict: verdicts[effect.effect], message: effect.note });
  }
  for (const { kind, path, message, file, line, column } of notes) {
    const verdict = lines.get(path)?.verdict === 'unsupported' ? 'unsupported' : verdictOfNote[kind];
    lines.set(path, { file, line, column, path, verdict, message });
  }
  const files = [...new Set([...config.positions.values()].map(({ file }) => file))];
  return [...lines.values()].sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column);
}

/** The keys of a path; names of services and the like may have dots. */
function keysOf(config: ComposeConfig, path: string): string[] | undefined {
  if (path.includes('[')) return undefined;
  const [section = '', ...rest] = path.split('.');
  if (rest.length === 0) return section === '' ? undefined : [section];
  const names = (config as unknown as Record<string, unknown>)[section];
  if (!(names instanceof Map)) return undefined;
  const inner = path.slice(section.length + 1);
  const name = [...names.keys() as Iterable<string>].find((candidate) => inner.startsWith(`${candidate}.`));
  return name === undefined ? undefined : [section, name, ...inner.slice(name.length + 1).split('.')];
}
