import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { loadCompose, type ComposeConfig, type Note } from '../../../../libs/compose/src/index.js';
import { fileProblem } from '../commands/create-from-file.js';
import { exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';
import { interpolationEnvironment, workingDirOf, type Environment } from './environment.js';
import { problemLines } from './problems.js';
import { readStackFiles, splitFileNames, type StackFile } from './read-files.js';

export interface LoadFlags {
  composeFile?: string[];
  envFile?: string[];
  skipInterpolation?: boolean;
}

/** Stack files that have been read and found valid here. */
export interface LoadedStack {
  files: StackFile[];
  /** Absolute; relative paths in the files start from it. */
  workingDir: string;
  /** What `~` stands for. */
  homeDir: string;
  environment: Environment;
  config: ComposeConfig;
  notes: Note[];
  /** Every `env_file` that was read, by absolute path. */
  envFiles: Map<string, Buffer>;
}

/** Reads, merges and checks the stack files; refuses with all problems at once. */
export async function loadStack(session: Session, flags: LoadFlags): Promise<LoadedStack> {
  const names = splitFileNames(flags.composeFile);
  const files = await readStackFiles(session, names);
  const workingDir = workingDirOf(names[0]!, session.workingDir);
  const environment = await interpolationEnvironment(session.env, workingDir, flags.envFile, session.workingDir);
  const homeDir = session.env['HOME'] ?? homedir();
  const envFiles = new Map<string, Buffer>();
  const loaded = loadCompose({
    files,
    workingDir,
    env: environment,
    readFile: (path) => readEnvFile(path, envFiles),
    homeDir,
    interpolate: !flags.skipInterpolation,
  });
  if (!loaded.ok) throw new Failure(exitStatus.invalidFile, problemLines(loaded.problems));
  return { files, workingDir, homeDir, environment, config: loaded.config, notes: loaded.notes, envFiles };
}

/** Undefined when it cannot be read: libs/compose then names the place that names the file. */
function readEnvFile(path: string, envFiles: Map<string, Buffer>): Buffer | undefined {
  try {
    const content = readFileSync(path);
    envFiles.set(path, content);
    return content;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return undefined;
  }
}

/** Content of every file that the manager needs beside the stack files, by absolute path. */
export async function readAttachments({ config, envFiles }: LoadedStack): Promise<Map<string, Buffer>> {
  const contents = new Map(envFiles);
  const problems: string[] = [];
  for (const path of secretAndConfigFiles(config)) {
    try {
      contents.set(path, await readFile(path));
    } catch (error) {
      problems.push(`${path}: cannot read the file that the stack names: ${fileProblem(error)}`);
    }
  }
  if (problems.length > 0) throw new Failure(exitStatus.invalidFile, problems.join('\n'));
  return contents;
}

function secretAndConfigFiles({ secrets, configs }: ComposeConfig): string[] {
  return [...secrets.values(), ...configs.values()].map((object) => object.file ?? '').filter((file) => file !== '');
}
