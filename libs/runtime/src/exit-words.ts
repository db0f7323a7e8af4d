import { ERRNO } from './linux.js';
import type { ContainerExit } from './runtime.js';
import type { ExitedEvent, ShimEvent } from './shim-connection.js';

/** waitpid's status and the shim's findings as Docker's exit code. */
export function exitOf(event: ExitedEvent & { startError?: string }, argv0: string): ContainerExit {
  const signal = event.waitStatus & 0x7f;
  const base = { oomKilled: event.oomKilled ?? false, exitedAtMs: event.exitedAtMs ?? 0 };
  if (event.startError !== undefined) return { code: 128 + signal, startError: event.startError, ...base };
  if (event.startErrno !== 0) return { code: startFailureCode(event.startErrno), startError: startFailureWords(event.startErrno, argv0), ...base };
  return signal === 0 ? { code: (event.waitStatus >> 8) & 0xff, ...base } : { code: 128 + signal, signal, ...base };
}

/** 127: not found. 126: found and not executable. */
export function startFailureCode(errno: number): number {
  return errno === ERRNO.ENOENT || errno === ERRNO.ENOTDIR ? 127 : 126;
}

/** Why execve failed, in the words that users of Docker know. */
export function startFailureWords(errno: number, argv0: string): string {
  const isPath = argv0.includes('/');
  switch (errno) {
    case ERRNO.ENOENT:
      return isPath ? `exec: "${argv0}": stat ${argv0}: no such file or directory` : `exec: "${argv0}": executable file not found in $PATH`;
    case ERRNO.ENOTDIR:
      return `exec: "${argv0}": not a directory`;
    case ERRNO.EACCES:
      return `exec: "${argv0}": permission denied`;
    case ERRNO.ENOEXEC:
      return `exec ${argv0}: exec format error (is it built for this machine's processor, and does a script begin with #!?)`;
    default:
      return `exec: "${argv0}": error number ${errno}`;
  }
}

/** A failed step of the launch program in one sentence. */
export function failureWords(event: Extract<ShimEvent, { event: 'failed' }>): string {
  const words = `cannot ${event.step} ${event.object}: ${event.reason.replace(/^./, (letter) => letter.toLowerCase())}`;
  if (event.step === 'change to the working directory' && event.errno === ERRNO.EACCES) return `${words} (the user may not enter it)`;
  return words;
}
