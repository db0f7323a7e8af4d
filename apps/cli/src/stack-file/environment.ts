import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileProblem } from '../commands/create-from-file.js';
import { exitStatus, Failure } from '../exit-status.js';
import { readDotenv } from './dotenv.js';

export type Environment = Record<string, string>;

/** Variables for interpolation: of `--env-file`, without any of the `.env` beside the first file; the shell's own win. */
export async function interpolationEnvironment(
  shell: Record<string, string | undefined>,
  envFiles: string[] | undefined,
  { currentDir, workingDir }: { currentDir: string; workingDir: string },
): Promise<Environment> {
  const fromFiles: Environment = envFiles ? {} : await variablesBeside(workingDir);
  for (const file of envFiles ?? []) Object.assign(fromFiles, readDotenv(await readEnvFile(resolve(currentDir, file)), file));
  for (const [name, value] of Object.entries(shell)) if (value !== undefined) fromFiles[name] = value;
  return fromFiles;
}

async function variablesBeside(workingDir: string): Promise<Environment> {
  const path = join(workingDir, '.env');
  return existsSync(path) ? readDotenv(await readEnvFile(path), path) : {};
}

/** `--profile`, or else `COMPOSE_PROFILES`. */
export function activeProfiles(flags: string[] | undefined, environment: Environment): string[] {
  const texts = flags ?? [environment['COMPOSE_PROFILES'] ?? ''];
  return texts.flatMap((text) => text.split(',')).map((profile) => profile.trim()).filter((profile) => profile !== '');
}

async function readEnvFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Failure(exitStatus.invalidFile, `${path}: ${fileProblem(error)}`);
  }
}

const inStackFiles = [
  /\$\{?([A-Za-z_]\w*)/g, // $NAME, ${NAME…}
  /^\s*-\s*["']?([A-Za-z_]\w*)["']?\s*(?:#.*)?$/gm, // environment: list item without a value
  /^\s*["']?([A-Za-z_]\w*)["']?\s*:\s*(?:#.*)?$/gm, // environment: key without a value
  /[[{,]\s*["']?([A-Za-z_]\w*)["']?\s*:?\s*(?=[,\]}])/g, // the same in one line
  /\benvironment["']?\s*:\s*["']?([A-Za-z_]\w*)/g, // the content of a secret or config
];

/** `env_file`: a line without a value. */
const inAttachments = [/^([A-Za-z_]\w*)\s*$/gm];

/** The variables that the files may refer to; nothing else of the environment leaves this machine. */
export function referencedVariables(stackFiles: string[], attachments: string[], environment: Environment): Environment {
  const names = [...namesIn(stackFiles, inStackFiles), ...namesIn(attachments, inAttachments)];
  return Object.fromEntries(names.filter((name) => Object.hasOwn(environment, name)).map((name) => [name, environment[name]!]));
}

function namesIn(texts: string[], patterns: RegExp[]): string[] {
  return texts.flatMap((text) => patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1]!)));
}

/** The directory that relative paths in the files start from: that of the first file. */
export function workingDirOf(firstFile: string, currentDir: string): string {
  return firstFile === '-' ? currentDir : dirname(resolve(currentDir, firstFile));
}
