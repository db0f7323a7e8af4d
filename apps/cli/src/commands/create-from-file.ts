import type { Command } from 'commander';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { badUsage, exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';
import { repeated } from './flags.js';

interface CreateFlags {
  label?: string[];
  templateDriver?: string;
}

/** `secret create` and `config create`. Prints the new id. */
export function defineCreate(command: Command, session: Session, kind: 'secret' | 'config'): void {
  command
    .argument('<name>')
    .argument('<file>', 'file with the content, or - for stdin')
    .option('-l, --label <key=value>', 'label; may be repeated', repeated)
    .option('--template-driver <name>', 'expand templates in the content (golang)')
    .action((name: string, file: string, flags: CreateFlags) => create(session, kind, name, file, flags));
}

async function create(session: Session, kind: string, name: string, file: string, flags: CreateFlags): Promise<void> {
  const content = file === '-' ? await session.readStdin() : await readContent(session, kind, file);
  const body = {
    Name: name,
    Labels: labelsOf(flags.label),
    Data: content.toString('base64'),
    Templating: flags.templateDriver ? { Name: flags.templateDriver } : undefined,
  };
  const { ID } = await session.api().post<{ ID: string }>(`/${kind}s/create`, body);
  session.out.write(`${ID}\n`);
}

async function readContent(session: Session, kind: string, file: string): Promise<Buffer> {
  try {
    return await readFile(resolve(session.workingDir, file));
  } catch (error) {
    throw new Failure(exitStatus.failed, `cannot read the ${kind}'s content from ${file}: ${fileProblem(error)}`);
  }
}

/** Why a file cannot be read, in words. */
export function fileProblem(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const words: Record<string, string> = {
    ENOENT: 'no such file or directory',
    EISDIR: 'it is a directory',
    EACCES: 'permission denied',
    ENOTDIR: 'a part of the path is not a directory',
  };
  return (code && words[code]) ?? message;
}

export function labelsOf(given: string[] = []): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const text of given) {
    const [key, ...value] = text.split('=');
    if (!key) throw badUsage(`bad label "${text}": write key=value`);
    labels[key] = value.join('=');
  }
  return labels;
}
