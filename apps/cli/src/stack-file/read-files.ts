import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileProblem } from '../commands/create-from-file.js';
import { badUsage, exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';
import { decodeText } from './decode-text.js';

export interface StackFile {
  /** As named by the user; `<stdin>` for `-`. */
  path: string;
  text: string;
}

/** Every `-c`: comma-separated and repeated. */
export function splitFileNames(given: string[] | undefined): string[] {
  const names = (given ?? []).flatMap((text) => text.split(',')).filter((name) => name !== '');
  if (names.length === 0) throw badUsage('name a stack file with -c FILE (or -c - for stdin)');
  return names;
}

/** Reads all files, and reports all that cannot be read at once. */
export async function readStackFiles(session: Session, names: string[]): Promise<StackFile[]> {
  const problems: string[] = [];
  const files: StackFile[] = [];
  for (const name of names) {
    try {
      const bytes = name === '-' ? await session.readStdin() : await readFile(resolve(session.workingDir, name));
      files.push({ path: name === '-' ? '<stdin>' : name, text: decodeText(bytes) });
    } catch (error) {
      problems.push(`${name}: cannot read the stack file: ${fileProblem(error)}`);
    }
  }
  if (problems.length > 0) throw new Failure(exitStatus.invalidFile, problems.join('\n'));
  return files;
}
