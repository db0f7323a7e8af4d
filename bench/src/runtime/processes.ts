import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The kernel's unit of processor time in /proc: USER_HZ. */
const tickMs = 10;

/** Processor time that a process has used so far, its threads' included, in user mode and in the kernel. */
export function cpuMs(pid: number): { user: number; system: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { user: Number(fields[11]) * tickMs, system: Number(fields[12]) * tickMs };
}

export interface Memory {
  /** Shared pages count in part, by how many share them. */
  pssKiB: number;
  /** What would be free if the process were gone. */
  privateKiB: number;
}

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { pssKiB: of('Pss'), privateKiB: of('Private_Clean') + of('Private_Dirty') };
}

/** Pids of all processes that `accept` takes; those that end meanwhile are left out. */
export function processesWhere(accept: (pid: number) => boolean): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return accept(pid);
    } catch {
      return false;
    }
  });
}

export function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
}

export function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

export function networkOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/ns/net`);
}
