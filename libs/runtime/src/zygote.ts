import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { Temporary, type Trace } from '../../base/src/index.js';
import { ShimConnection, type ShimListener } from './shim-connection.js';

export type ZygoteEvent = { event: 'zygote-started'; pid: number } | { event: 'zygote-exited'; pid: number; text: string };

const socketName = 'zygote.sock';

/**
 * The resident launcher: forks a shim for every connection within microseconds, where a spawn from here would take
 * milliseconds that grow with our memory. It holds no state, so a dead one is replaced at the next connection.
 * Its standard input is its lifeline: it ends when this process does.
 */
export class Zygote {
  #running: Promise<ChildProcess> | undefined;
  #closed = false;

  constructor(
    readonly shimPath: string,
    readonly directory: string,
    readonly trace: Trace<ZygoteEvent>,
  ) {}

  async connect(listener: ShimListener): Promise<ShimConnection> {
    await this.start();
    return ShimConnection.connect(this.directory, socketName, listener);
  }

  async start(): Promise<void> {
    if (this.#closed) throw new Temporary('the runtime is closed');
    this.#running ??= this.#spawn();
    await this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const child = await this.#running?.catch(() => undefined); // who asked for it was told why it does not run
    child?.stdin?.destroy();
  }

  #spawn(): Promise<ChildProcess> {
    const log = openSync(`${this.directory}/zygote.log`, 'a', 0o600);
    const child = spawn(this.shimPath, ['zygote', socketName], {
      cwd: this.directory,
      env: {},
      detached: true,
      stdio: ['pipe', 'pipe', log],
    });
    closeSync(log);
    const started = new Promise<ChildProcess>((resolve, reject) => {
      const fail = (error: Error) => reject(new Temporary(`cannot start ${this.shimPath} (see ${this.directory}/zygote.log)`, { cause: error }));
      child.once('error', fail);
      child.once('exit', (code, signal) => fail(new Error(`it ended with ${signal ?? `exit status ${code}`}`)));
      child.stdout!.once('data', () => resolve(child));
    });
    child.once('exit', (code, signal) => {
      this.#running = undefined;
      this.trace({ event: 'zygote-exited', pid: child.pid ?? 0, text: signal ?? `exit status ${code}` });
    });
    child.once('error', () => (this.#running = undefined));
    child.stdin!.on('error', () => undefined); // its end is told by 'exit'
    // It must not keep this process alive.
    child.unref();
    started.then(
      () => {
        (child.stdin as unknown as { unref(): void }).unref();
        (child.stdout as unknown as { unref(): void }).unref();
        this.trace({ event: 'zygote-started', pid: child.pid! });
      },
      () => undefined, // the caller has it
    );
    return started;
  }
}
