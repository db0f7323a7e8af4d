import { smallestResources } from '../../../model/src/index.js';
import { parseCpus } from '../formats/cpus.js';
import type { Scope } from './scope.js';
import { nonZero, problem } from './scope.js';

export function convertCpus(scope: Scope, path: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const parsed = parseCpus(text);
  if ('message' in parsed) problem(scope, path, parsed.message, 'CPUs look like "0.5" or "2"');
  else if (parsed.nanoCpus !== 0n && parsed.nanoCpus < smallestResources.nanoCpus) problem(scope, path, `"${text}" is too little: the least is 0.001`);
  return 'message' in parsed ? undefined : nonZero(parsed.nanoCpus);
}

export function convertMemory(scope: Scope, path: string, bytes: bigint | undefined): number | undefined {
  if (bytes !== undefined && bytes < smallestResources.memoryBytes) problem(scope, path, `${bytes} bytes is too little: the least is 4M`);
  return nonZero(bytes);
}
