import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KernelHost } from '../kernel-host.js';

/** How long a race is tried. */
export const raceMs = 1000;

/** Builds a small static program of C source into a folder, and returns its path. */
export function buildProgram(directory: string, name: string, source: string): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, name);
  writeFileSync(`${path}.c`, source);
  execFileSync('musl-gcc', ['-static', '-no-pie', '-O1', '-w', '-idirafter', '/usr/include', '-o', path, `${path}.c`]);
  chmodSync(path, 0o755);
  return path;
}

const swapSource = `
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int count, char **path) { for (;;) syscall(SYS_renameat2, AT_FDCWD, path[1], AT_FDCWD, path[2], 2); }
`;

/** Exchanges two paths for as long as `during` runs again and again, at most `raceMs`: what an attacker in a shared volume does. */
export async function whileSwapping(host: KernelHost, paths: [string, string], during: () => Promise<void>): Promise<number> {
  const program = join(host.directory, 'tools/swap');
  if (!existsSync(program)) buildProgram(join(host.directory, 'tools'), 'swap', swapSource);
  const attacker = spawn(program, paths, { stdio: 'ignore' });
  const ended = new Promise((resolve) => attacker.once('exit', resolve));
  const deadlineMs = performance.now() + raceMs;
  let rounds = 0;
  try {
    do {
      await during();
      rounds++;
    } while (performance.now() < deadlineMs);
  } finally {
    attacker.kill('SIGKILL');
    await ended;
  }
  return rounds;
}

/** A folder of the host that nobody may touch, and what is in it. */
export class Canary {
  readonly directory: string;
  readonly #before: string;

  constructor(host: KernelHost, name: string) {
    this.directory = host.writeDirectory(name);
    writeFileSync(join(this.directory, 'untouched'), 'as it was');
    this.#before = this.#look();
  }

  isUntouched(): boolean {
    return this.#look() === this.#before;
  }

  #look(): string {
    const mounts = execFileSync('cat', ['/proc/self/mountinfo'], { encoding: 'utf8' }).split('\n').filter((line) => line.includes(this.directory));
    return JSON.stringify([readdirSync(this.directory), execFileSync('cat', [join(this.directory, 'untouched')], { encoding: 'utf8' }), mounts]);
  }
}

/** A refused start is as good as one that went the right way: only what happened to others counts. */
export async function tryRun(host: KernelHost, ...run: Parameters<KernelHost['run']>): Promise<string> {
  try {
    return (await host.run(...run)).output;
  } catch {
    return '';
  }
}
