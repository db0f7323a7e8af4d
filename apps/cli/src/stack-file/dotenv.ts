import { parseDotenv } from '../../../../libs/compose/src/index.js';
import { exitStatus, Failure } from '../exit-status.js';

/** `NAME=value` lines; refuses anything else with its line. */
export function readDotenv(text: string, file: string): Record<string, string> {
  const { values, problems } = parseDotenv(text);
  if (problems.length === 0) return Object.fromEntries(values);
  throw new Failure(exitStatus.invalidFile, problems.map(({ line, message }) => `${file}:${line}:1: ${message}`).join('\n'));
}
