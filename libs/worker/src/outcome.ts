import { timestamp } from '../../base/src/index.js';
import type { ResourceLimits, TaskState, TaskStatus } from '../../model/src/index.js';
import type { ContainerExit } from '../../runtime/src/runtime.js';
import type { StopCause } from './next-step.js';

/** The terminal status of a task whose container has ended. Error texts are Swarm's, with the cause added where it is known. */
export function exitStatus(
  exit: ContainerExit,
  context: { stopped: boolean; cause?: StopCause | undefined; /** Of the health check that failed last. */ healthOutput?: string; containerId: string; pid: number; limits: ResourceLimits; wallMs: number },
): TaskStatus {
  const container = { id: context.containerId, pid: context.pid, exitCode: exit.code, ...(exit.oomKilled && { oomKilled: true }) };
  const end = (state: TaskState, message: string, error: string): TaskStatus => ({
    state,
    timestamp: timestamp(context.wallMs),
    message,
    error,
    container,
  });
  if (exit.startError) return end('failed', 'starting', `starting container failed: ${exit.startError}`);
  if (context.cause) return end('failed', 'started', `task: non-zero exit (${exit.code}): ${causeWords[context.cause]}${context.cause === 'unhealthy' ? lastLine(context.healthOutput) : ''}`);
  // A child that was killed for memory is the container's own affair as long as it ends well.
  if (exit.oomKilled && exit.code !== 0) return end('failed', 'started', `task: non-zero exit (${exit.code}): out of memory${memoryLimit(context.limits)}`);
  if (context.stopped) return end('shutdown', 'shutdown', '');
  if (exit.code === 0) return end('complete', 'finished', '');
  return end('failed', 'started', `task: non-zero exit (${exit.code})${signalWords(exit)}`);
}

const causeWords: Record<StopCause, string> = {
  unhealthy: 'dockerexec: unhealthy container',
  'partner-lost': 'a container whose namespaces it shares has ended',
};

const maxOutputShown = 200;

function lastLine(output = ''): string {
  const line = output.trim().split('\n').at(-1)!.trim();
  return line && `: ${line.length > maxOutputShown ? `${line.slice(0, maxOutputShown)}…` : line}`;
}

function memoryLimit({ memoryBytes }: ResourceLimits): string {
  return memoryBytes ? ` (limit ${formatBytes(memoryBytes)})` : '';
}

function signalWords(exit: ContainerExit): string {
  return exit.signal ? `: killed by ${signalNames[exit.signal] ?? `signal ${exit.signal}`}` : '';
}

const signalNames: Record<number, string> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  15: 'SIGTERM',
  31: 'SIGSYS',
};

function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toFixed(1))} ${units[unit]}`;
}
