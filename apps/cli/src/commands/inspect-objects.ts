import type { Command } from 'commander';
import { badUsage, exitStatus, Failure } from '../exit-status.js';
import { describeStatusOf } from '../failure-report.js';
import { compileTemplate } from '../output/template.js';
import type { Session } from '../session.js';

export interface InspectFlags {
  format?: string;
  pretty?: boolean;
}

/** Arguments and flags of every `inspect`. */
export function defineInspect(command: Command, session: Session, noun: string, get: (reference: string) => Promise<unknown>): void {
  command
    .argument(`<${noun}...>`, 'names, ids or unique beginnings of ids')
    .option('-f, --format <template>', 'a Go template, or json')
    .option('--pretty', 'for people: YAML, with durations and sizes in words')
    .action((references: string[], flags: InspectFlags) => inspectObjects(session, references, flags, get));
}

/** Prints what was found, as docker does also when some of the names do not exist. */
async function inspectObjects(
  session: Session,
  references: string[],
  flags: InspectFlags,
  get: (reference: string) => Promise<unknown>,
): Promise<void> {
  const render = await renderer(flags);
  const found: unknown[] = [];
  const failures: { status: Failure['status']; message: string }[] = [];
  for (const reference of references) {
    try {
      found.push(await get(reference));
    } catch (error) {
      const failure = describeStatusOf(error, session);
      if (failure.status === exitStatus.unreachable) throw error;
      failures.push(failure);
    }
  }
  session.out.write(render(found));
  if (failures.length > 0) throw new Failure(failures[0]!.status, failures.map((f) => f.message).join('\n'));
}

async function renderer({ format, pretty }: InspectFlags): Promise<(objects: unknown[]) => string> {
  if (format && pretty) throw badUsage('--format and --pretty exclude each other');
  if (pretty) {
    const { prettyText } = await import('../output/pretty.js');
    return (objects) => objects.map(prettyText).join('---\n');
  }
  if (!format) return (objects) => `${JSON.stringify(objects, null, 4)}\n`;
  if (format === 'json') return (objects) => `${JSON.stringify(objects)}\n`;
  const template = compileTemplate(format, { strict: false });
  return (objects) => objects.map((object) => `${template.render(object)}\n`).join('');
}
