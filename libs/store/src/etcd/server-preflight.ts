import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isErrno, Refused } from '../../../base/src/index.js';

const run = promisify(execFile);

/** What `etcd --version` says, once it is known to be usable. Throws `Refused('precondition')`. */
export async function requireEtcd(binary: string): Promise<string> {
  let output: string;
  try {
    output = (await run(binary, ['--version'], { timeout: 5000 })).stdout;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) {
      throw new Refused('precondition', 'etcd is not installed: apt-get install etcd-server (or use an existing cluster with --etcd-endpoints)', { cause: error });
    }
    throw new Refused('precondition', `${binary} --version failed`, { cause: error });
  }
  const version = /etcd Version: (\d+\.\d+\.\d+)/.exec(output)?.[1];
  if (!version) throw new Refused('precondition', `${binary} is not etcd: it calls itself ${JSON.stringify(output.split('\n')[0])}`);
  requireVersion(version);
  return version;
}

/** etcd before 3.4.21 can lose an acknowledged write, 3.5.0 to 3.5.2 corrupt data (its CHANGELOG-3.4, -3.5). */
export function requireVersion(version: string): void {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  const number = major * 1_000_000 + minor * 1000 + patch;
  if (number < 3_004_021) throw new Refused('precondition', `etcd ${version} can lose acknowledged writes: install 3.4.21 or newer`);
  if (number >= 3_005_000 && number <= 3_005_002) throw new Refused('precondition', `etcd ${version} corrupts data: install 3.5.3 or newer`);
}

/**
 * Refuses a data directory that etcd would start with and then not serve: without its write-ahead log it reads old
 * data and hangs at the first write; without its database it panics after the first snapshot.
 */
export function requireWholeData(dataDir: string): void {
  const logs = listDirectory(join(dataDir, 'member', 'wal')).some((name) => name.endsWith('.wal'));
  const database = listDirectory(join(dataDir, 'member', 'snap')).includes('db');
  if (logs === database) return;
  const [missing, present] = logs ? ['database (member/snap/db)', 'write-ahead log'] : ['write-ahead log (member/wal)', 'database'];
  throw new Refused('precondition', `the etcd data in ${dataDir} has a ${present} but its ${missing} is missing: restore it from a backup, or remove the directory and join again`);
}

/**
 * Refuses addresses at which somebody listens already. Without it, another etcd there would answer in the name of ours
 * while ours ends.
 */
export async function requireFreeAddresses(urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    const { hostname, port } = new URL(url);
    if (await isListening(hostname.replace(/^\[|\]$/g, ''), Number(port))) {
      throw new Refused('precondition', `etcd cannot listen on ${url}: address already in use; stop the process there or choose another port`);
    }
  }
}

function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const end = (listening: boolean) => {
      socket.destroy();
      resolve(listening);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false)).once('timeout', () => end(false));
  });
}

/** The process that has a lock on the data directory, found by its command line. */
export function findServer(dataDir: string): number | undefined {
  for (const name of listDirectory('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    if (isServerOf(Number(name), dataDir)) return Number(name);
  }
  return undefined;
}

export function isServerOf(pid: number, dataDir: string): boolean {
  try {
    if (!/\/etcd$/.test(readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ''))) return false;
    if (readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').startsWith('Z')) return false;
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const served = words[words.indexOf('--data-dir') + 1];
    // Another host of one machine may use the same path in a mount namespace of its own.
    return served === dataDir && isSameFile(`/proc/${pid}/root${dataDir}`, dataDir);
  } catch (error) {
    // Gone between listing and reading, or of another user's namespace: not ours.
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return false;
    throw error;
  }
}

function isSameFile(a: string, b: string): boolean {
  const [first, second] = [statSync(a), statSync(b)];
  return first.dev === second.dev && first.ino === second.ino;
}

function listDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
