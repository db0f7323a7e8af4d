import { readFileSync } from 'node:fs';
import { until } from './wait.js';

/** A process we started, recognised across runs of the harness: a pid alone may have been given to another. */
export interface ProcessRecord {
  pid: number;
  startTime: string;
}

export function recordProcess(pid: number): ProcessRecord {
  const startTime = startTimeOf(pid);
  if (startTime === undefined) throw new Error(`process ${pid} ended at once`);
  return { pid, startTime };
}

export function isAlive(record: ProcessRecord): boolean {
  return startTimeOf(record.pid) === record.startTime;
}

/** Sends the signal if it is still that process. */
export function signalProcess(record: ProcessRecord, signal: NodeJS.Signals): void {
  if (isAlive(record)) process.kill(record.pid, signal);
}

/** SIGTERM, then SIGKILL when it does not end in time. */
export async function endProcess(record: ProcessRecord, graceMs = 10_000): Promise<void> {
  signalProcess(record, 'SIGTERM');
  try {
    await until(`process ${record.pid} ends`, async () => !isAlive(record), { deadlineMs: graceMs });
  } catch {
    signalProcess(record, 'SIGKILL');
    await until(`process ${record.pid} is killed`, async () => !isAlive(record));
  }
}

/** Field 22 of /proc/PID/stat; `undefined` when there is no such process, or only its zombie. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH') return undefined;
    throw error;
  }
}
