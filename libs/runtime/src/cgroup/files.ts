import { readFileSync } from 'node:fs';
import { isErrno } from '../../../base/src/index.js';

/** A file's text without the blanks around it; empty when it is not there, as with a controller that is not. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP')) return '';
    throw error;
  }
}

/** Lines `key number`. */
export function keyedNumbers(text: string): Record<string, number> {
  const pairs = text.split('\n').filter(Boolean).map((line): [string, number] => {
    const at = line.lastIndexOf(' ');
    return [line.slice(0, at), Number(line.slice(at + 1))];
  });
  return Object.fromEntries(pairs);
}

/** No limit reads as `max` or as a number beyond any memory: undefined. */
export function limitNumber(text: string): number | undefined {
  const value = Number(text);
  return text !== '' && Number.isFinite(value) && value >= 0 && value < Number.MAX_SAFE_INTEGER ? value : undefined;
}
