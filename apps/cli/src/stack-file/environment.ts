import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileProblem } from '../commands/create-from-file.js';
import { exitStatus, Failure } from '../exit-status.js';
import { parseDotenv } from './dotenv.js';

export type Environment = Record<string, string>;

/** Variables for interpolation: of `--env-file`; the shell's own win. A `.env` is not read unasked: docker does not either. */
export async function interpolationEnvironment(
  shell: Record<string, string | undefined>,
  envFiles: string[] | undefined,
  currentDir: string,
): Promise<Environment> {
  const fromFiles: Environment = {};
  for (const file of envFiles ?? []) Object.assign(fromFiles, parseDotenv(await readEnvFile(resolve(currentDir, file)), file));
  for (const [name, value] of Object.entries(shell)) if (value !== undefined) fromFiles[name] = value;
  return fromFiles;
}

async function readEnvFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Failure(exitStatus.invalidFile, `--env-file ${path}: ${fileProblem(error)}`);
  }
}

const inStackFiles = [
  /\$\{?([A-Za-z_]\w*)/g, // $NAME, ${NAME…}
  /^\s*-\s*["']?([A-Za-z_]\w*)["']?\s*(?:#.*)?$/gm, // environment: list item without a value
  /^\s*["']?([A-Za-z_]\w*)["']?\s*:\s*(?:#.*)?$/gm, // environment: key without a value
  /[[{,]\s*["']?([A-Za-z_]\w*)["']?\s*:?\s*(?=[,\]}])/g, // the same in one line
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
