import { fstatSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';

const maxBytes = 16 * 1024 * 1024;
const keptLines = 20;

/**
 * etcd's own log, a file: a pipe would break with the manager, and kill etcd at its next word.
 * One older file is kept.
 */
export class ServerLog {
  #startedAtBytes = 0;

  constructor(readonly path: string) {}

  /** A descriptor to append to; the caller closes it. */
  open(): number {
    if ((statSync(this.path, { throwIfNoEntry: false })?.size ?? 0) > maxBytes) renameSync(this.path, `${this.path}.1`);
    const descriptor = openSync(this.path, 'a', 0o600);
    this.#startedAtBytes = fstatSync(descriptor).size;
    return descriptor;
  }

  /** The last lines since it was opened. */
  lastLines(): string[] {
    if (!statSync(this.path, { throwIfNoEntry: false })) return [];
    const text = readFileSync(this.path).subarray(this.#startedAtBytes).toString();
    return text.split('\n').filter((line) => line !== '').slice(-keptLines);
  }

  /** The message of etcd's last fatal or error line, or its last line. */
  reason(): string {
    const parsed = this.lastLines().map(parseLine).reverse();
    const worst = parsed.find(({ level }) => level === 'fatal' || level === 'panic') ?? parsed.find(({ level }) => level === 'error') ?? parsed[0];
    return worst ? [worst.msg, worst.error].filter(Boolean).join(': ') : 'it said nothing';
  }
}

function parseLine(line: string): { level?: string; msg?: string; error?: string } {
  try {
    return JSON.parse(line) as { level?: string; msg?: string; error?: string };
  } catch {
    return { msg: line }; // a panic prints plain text
  }
}
