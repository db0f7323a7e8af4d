import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { loadCompose, referencedFiles, renderConfig, type ComposeConfig, type Note } from '../../../../libs/compose/src/index.js';
import { fileProblem } from '../commands/create-from-file.js';
import { exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';
import { interpolationEnvironment, workingDirOf, type Environment } from './environment.js';
import { problemLines } from './problems.js';
import { readStackFiles, splitFileNames, type StackFile } from './read-files.js';

export interface LoadFlags {
  composeFile?: string[];
  envFile?: string[];
}

/** Stack files that have been read and found valid here. */
export interface LoadedStack {
  files: StackFile[];
  workingDir: string;
  environment: Environment;
  config: ComposeConfig;
  notes: Note[];
}

/** Reads, merges and checks the stack files; refuses with all problems at once. */
export async function loadStack(session: Session, flags: LoadFlags): Promise<LoadedStack> {
  const names = splitFileNames(flags.composeFile);
  const files = await readStackFiles(session, names);
  const workingDir = workingDirOf(names[0]!, session.workingDir);
  const environment = await interpolationEnvironment(session.env, workingDir, flags.envFile, session.workingDir);
  const homeDir = session.env['HOME'] ?? homedir();
  const read = (path: string) => readFileSync(resolve(workingDir, path), 'utf8');
  const loaded = loadCompose({ files, workingDir, env: environment, readFile: read, homeDir });
  if (!loaded.ok) throw new Failure(exitStatus.invalidFile, problemLines(loaded.problems));
  return { files, workingDir, environment, config: loaded.config, notes: loaded.notes };
}

/** Content of every file that the stack names, by the path that names it. */
export async function readAttachments({ config, workingDir }: LoadedStack): Promise<Map<string, Buffer>> {
  const contents = new Map<string, Buffer>();
  const problems: string[] = [];
  for (const path of referencedFiles(config)) {
    try {
      contents.set(path, await readFile(resolve(workingDir, path)));
    } catch (error) {
      problems.push(`${path}: cannot read the file that the stack names: ${fileProblem(error)}`);
    }
  }
  if (problems.length > 0) throw new Failure(exitStatus.invalidFile, problems.join('\n'));
  return contents;
}

export { renderConfig };
