import type { Command } from 'commander';
import { lint, toStackSpec, type LintLine } from '../../../../libs/compose/src/index.js';
import { badUsage, exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';
import { loadStack, readAttachments, type LoadFlags } from '../stack-file/load.js';
import { problemLines } from '../stack-file/problems.js';
import { addFileFlags } from './file-flags.js';

interface LintFlags extends LoadFlags {
  strict?: boolean;
  quiet?: boolean;
  format?: string;
}

export function define(command: Command, session: Session): void {
  addFileFlags(command)
    .option('--strict', 'end with 65 if there is a key that has no effect')
    .option('-q, --quiet', 'only keys that do not act as Docker says')
    .option('--format <format>', 'text, or json', 'text')
    .addHelpText('after', '\nWorks without a manager. Ends with 65 when the file is invalid.\n\nExample:\n  shoal stack lint -c demo.yml --strict')
    .action((flags: LintFlags) => lintStack(session, flags));
}

async function lintStack(session: Session, flags: LintFlags): Promise<void> {
  if (flags.format !== 'text' && flags.format !== 'json') throw badUsage(`--format is text or json, not "${flags.format}"`);
  const loaded = await loadStack(session, flags);
  const name = loaded.config.name ?? 'stack';
  const contents = readAttachments(loaded, name);
  const converted = toStackSpec(loaded.config, name, (path) => contents.get(path));
  if (!converted.ok) throw new Failure(exitStatus.invalidFile, problemLines(converted.problems));
  const all = lint(loaded.config, [...loaded.notes, ...converted.notes]);
  const lines = flags.quiet ? all.filter(({ verdict }) => verdict !== 'acts') : all;
  session.out.write(flags.format === 'json' ? `${JSON.stringify(lines, null, 2)}\n` : [...lines.map(lineOf), summary(all)].map((line) => `${line}\n`).join(''));
  if (flags.strict && all.some(({ verdict }) => verdict === 'unsupported')) throw new Failure(exitStatus.invalidFile);
}

function lineOf({ file, line, column, path, verdict, message }: LintLine): string {
  return `${file}:${line}:${column}: ${verdict}: ${path}${message && ` (${message})`}`;
}

function summary(lines: LintLine[]): string {
  const count = (wanted: LintLine['verdict']) => lines.filter(({ verdict }) => verdict === wanted).length;
  return `${lines.length} keys: ${count('acts')} act, ${count('differs')} differ from Docker, ${count('unsupported')} unsupported`;
}
