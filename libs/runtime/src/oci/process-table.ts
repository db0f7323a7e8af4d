import { readFileSync } from 'node:fs';
import { isErrno } from '../../../base/src/index.js';

export interface ProcessState {
  /** As in /proc/<pid>/stat: `Z` is a zombie. */
  letter: string;
  /** Field 22: with the process id, it names a process for as long as the machine runs. */
  startTime: number;
}

/** Undefined: there is no such process. */
export function readProcess(pid: number): ProcessState | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name may hold anything; after its last bracket come plain fields.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { letter: fields[0] ?? '', startTime: Number(fields[19]) };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}

export function isAlive(pid: number, startTime: number): boolean {
  const found = pid > 0 ? readProcess(pid) : undefined;
  return found !== undefined && found.startTime === startTime && found.letter !== 'Z' && found.letter !== 'X';
}

/** Sends a signal; false: nobody is there. */
export function sendSignal(pid: number, signal: number): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false;
    throw error;
  }
}
