import { readFileSync } from 'node:fs';
import { loadCompose, referencedFiles, toStackSpec, type ComposeConfig, type Note } from '../../../../libs/compose/src/index.js';
import { exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';
import { activeProfiles, interpolationEnvironment, workingDirOf, type Environment } from './environment.js';
import { problemLines } from './problems.js';
import { readStackFiles, splitFileNames, type StackFile } from './read-files.js';

export interface LoadFlags {
  composeFile?: string[];
  envFile?: string[];
  profile?: string[];
  skipInterpolation?: boolean;
}

/** Stack files that have been read and found valid here. */
export interface LoadedStack {
  files: StackFile[];
  /** Absolute; relative paths in the files start from it. */
  workingDir: string;
  /** What `~` stands for; without it `~` stays as it is, as with docker. */
  homeDir: string | undefined;
  environment: Environment;
  profiles: string[];
  config: ComposeConfig;
  notes: Note[];
}

/** Reads, merges and checks the stack files; refuses with all problems at once. */
export async function loadStack(session: Session, flags: LoadFlags): Promise<LoadedStack> {
  const names = splitFileNames(flags.composeFile);
  const files = await readStackFiles(session, names);
  const workingDir = workingDirOf(names[0]!, session.workingDir);
  const environment = await interpolationEnvironment(session.env, flags.envFile, { currentDir: session.workingDir, workingDir });
  const profiles = activeProfiles(flags.profile, environment);
  const loaded = loadCompose({
    files,
    workingDir,
    env: environment,
    readFile: readIfPossible,
    interpolate: !flags.skipInterpolation,
    profiles,
  });
  if (!loaded.ok) throw new Failure(exitStatus.invalidFile, problemLines(loaded.problems));
  return { files, workingDir, homeDir: environment['HOME'], environment, profiles, config: loaded.config, notes: loaded.notes };
}

/**
 * Content of every file that the manager needs beside the stack files, by absolute path.
 * Refuses what the manager would refuse, and files that cannot be read, with their places.
 */
export function readAttachments({ config }: LoadedStack, stack: string): Map<string, Buffer> {
  const contents = new Map(referencedFiles(config).flatMap((path) => entryOf(path)));
  const converted = toStackSpec(config, stack, (path) => contents.get(path));
  if (!converted.ok) throw new Failure(exitStatus.invalidFile, problemLines(converted.problems));
  return contents;
}

function entryOf(path: string): [string, Buffer][] {
  const content = readIfPossible(path);
  return content ? [[path, content]] : [];
}

/** Undefined when it cannot be read: libs/compose then names the place that names the file. */
function readIfPossible(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return undefined;
  }
}
