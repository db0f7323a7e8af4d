import { constants } from 'node:os';
import type { Task } from '../api-client/types.js';
import { humanSize } from '../output/size.js';

const exitMeanings: Record<number, string> = {
  125: 'the container could not be made',
  126: 'the command cannot be executed',
  127: 'the command was not found',
};

/** How a task ended, in words: `exit code 1`, `killed by SIGKILL (9)`, `out of memory: limit 50 MiB`, `unhealthy: its health check failed, and said: no database`. */
export function exitWords(task: Task): string {
  const { Err = '', State, ContainerStatus } = task.Status;
  if (/out of memory|\boom\b/i.test(Err)) return outOfMemory(task);
  const unhealthy = /unhealthy container(?:: (.*))?$/.exec(Err);
  if (unhealthy) return `unhealthy: its health check failed${unhealthy[1] ? `, and said: ${unhealthy[1]}` : ' without a word'}`;
  const code = ContainerStatus?.ExitCode ?? exitCodeIn(Err);
  if (!code) return State === 'complete' ? 'exit code 0' : Err || State;
  const signal = code > 128 ? signalName(code - 128) : undefined;
  if (signal) return `killed by ${signal} (${code - 128})`;
  const meaning = exitMeanings[code];
  return meaning ? `exit code ${code}: ${meaning}` : `exit code ${code}`;
}

function outOfMemory(task: Task): string {
  const limit = task.Spec.Resources?.Limits?.MemoryBytes;
  return limit ? `out of memory: limit ${humanSize(limit)}` : 'out of memory: no limit of its own, the node had none left';
}

function exitCodeIn(error: string): number | undefined {
  const match = /non-zero exit \((\d+)\)/.exec(error);
  return match ? Number(match[1]) : undefined;
}

function signalName(number: number): string | undefined {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
}
