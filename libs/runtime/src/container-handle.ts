import { setMaxListeners } from 'node:events';
import { rmSync } from 'node:fs';
import { Refused, Temporary, type Clock } from '../../base/src/index.js';
import type { ContainerConfig } from './container-config.js';
import { readExit, readRecord, writeLostExit, type ContainerRecord } from './container-record.js';
import { exitOf, failureWords, startFailureWords } from './exit-words.js';
import { compileProcess, compileSandbox, identityFiles } from './launch-program.js';
import type { ContainerExit, ContainerState, ContainerStatus } from './runtime.js';
import { ShimConnection, type ExitedEvent, type ShimEvent, type ShimListener } from './shim-connection.js';
import { resolveUser } from './users.js';
import type { Zygote } from './zygote.js';

const createPatienceMs = 120_000;
const startPatienceMs = 30_000;

interface Waiter {
  on(event: ShimEvent | { event: 'file'; errno: number; data: Buffer } | { event: 'closed' }): boolean;
}

/**
 * One container as this process sees it, over its connection to the container's shim. The shim and the files in the
 * container's folder are the truth; this only follows them.
 */
export class ContainerHandle {
  state: ContainerState = 'creating';
  pid = 0;
  startTime = 0;
  exit: ContainerExit | undefined;
  /** A log file of it waits to be compressed. */
  onLogRotated: () => void = () => undefined;
  /** A process of it was killed for lack of memory. */
  onOom: () => void = () => undefined;
  /** Set when it is this process that lets go. */
  closing = false;
  #connection: ShimConnection | undefined;
  readonly #waiters = new Set<Waiter>();

  constructor(
    readonly id: string,
    readonly directory: string,
    readonly clock: Clock,
    public record: ContainerRecord | undefined,
    /** Ends what is left of a container whose shim is gone. */
    readonly killRest: () => void,
  ) {}

  status(): ContainerStatus {
    return { id: this.id, state: this.state, pid: this.pid, labels: this.record?.labels ?? {}, ...(this.record?.limits && { limits: this.record.limits }), ...(this.exit ? { exit: this.exit } : {}) };
  }

  /** Launches a new container up to the point where only the word to execute is missing. */
  async launch(zygote: Zygote, config: ContainerConfig, seccomp: Buffer | undefined, signal: AbortSignal): Promise<void> {
    const connection = (this.#connection = await zygote.connect(this.#listener()));
    const giveUp = () => connection.close();
    signal.addEventListener('abort', giveUp, { once: true });
    const cancelDeadline = this.clock.after(createPatienceMs, giveUp);
    try {
      const files = this.#collectFiles(identityFiles.length);
      connection.send([...compileSandbox(config), ...identityFiles]);
      const [passwd = '', group = ''] = await files;
      const user = resolveUser(config.process.user, config.process.extraGroups, passwd, group);
      const created = this.#until('created');
      connection.send(compileProcess(config, user, seccomp));
      await created;
    } catch (error) {
      giveUp();
      signal.throwIfAborted();
      throw error;
    } finally {
      cancelDeadline();
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** Finds the shim of a container that an earlier process created, or what it left behind. */
  async adopt(): Promise<void> {
    const recorded = readExit(this.directory);
    if (recorded) {
      if (recorded.oomUntold) this.onOom();
      return this.#finish(recorded);
    }
    try {
      const stands = this.#until('state');
      stands.catch(() => undefined); // a failed connect is told below
      this.#connection = await ShimConnection.connect(this.directory, 'shim.sock', this.#listener());
      await stands;
      // Its creator died in between: the rest of the program was sent already and completes it, or its end ends the shim.
      if (this.state === 'creating') await this.#until('created');
    } catch {
      // Nobody answers at the socket, or it went away: whatever the reason, what it did is not known any more.
      this.#lose();
    }
  }

  async start(): Promise<void> {
    if (this.state !== 'created') throw new Refused('precondition', `container ${this.id} is ${this.state}, not created`);
    const started = this.#until('started');
    const cancelDeadline = this.clock.after(startPatienceMs, () => this.#connection?.close());
    this.#connection!.send([['go']]);
    await started.finally(cancelDeadline);
  }

  signal(number: number): void {
    if (this.state !== 'exited') this.#connection?.send([['signal', number]]);
  }

  resize(rows: number, columns: number): void {
    if (this.state !== 'exited') this.#connection?.send([['resize', rows, columns]]);
  }

  /** Puts the compressed twin of a rotated log file in its place. Without its shim nobody may: the twin goes. */
  replaceLog(inode: bigint, twin: string): void {
    if (this.state === 'exited' || !this.#connection) rmSync(twin, { force: true });
    else this.#connection.send([['logCompressed', inode, twin]]);
  }

  async wait(signal: AbortSignal): Promise<ContainerExit> {
    while (!this.exit) {
      signal.throwIfAborted();
      await this.#until('exited', signal);
    }
    return this.exit;
  }

  /** Resolves when the shim is gone: then nothing writes into the container's folder any more. */
  async gone(patienceMs: number): Promise<void> {
    if (!this.#connection || this.#connection.socket.destroyed) return;
    const closed = this.#next((event) => event.event === 'closed');
    const cancel = this.clock.after(patienceMs, () => this.#connection?.close());
    await closed.finally(cancel);
  }

  close(): void {
    this.#connection?.close();
  }

  #listener(): ShimListener {
    return {
      event: (event) => this.#hear(event),
      file: (errno, data) => this.#tell({ event: 'file', errno, data: Buffer.from(data) }),
      closed: () => this.#shimClosed(),
    };
  }

  #hear(event: ShimEvent): void {
    if (event.event === 'state' || event.event === 'created' || event.event === 'started') {
      this.state = event.state;
      this.pid = event.pid;
      this.startTime = event.startTime;
    }
    if (event.event === 'log-rotated') this.onLogRotated();
    if (event.event === 'oom') this.onOom();
    if (event.event === 'exited') this.#finish(event);
    this.#tell(event);
  }

  #finish(event: ExitedEvent & { startError?: string }): void {
    this.state = 'exited';
    this.exit ??= exitOf(event, this.record?.argv0 ?? '');
    // The kernel ends the others with the first process only where that has number 1.
    if (this.record?.sharesProcessIds) this.killRest();
    this.#tell(event);
  }

  /** The connection ended. A shim that ended in order has left its record first; one that did not is lost. */
  #shimClosed(): void {
    if (this.state !== 'exited' && this.state !== 'creating') {
      const recorded = readExit(this.directory);
      if (recorded) this.#finish(recorded);
      else if (!this.closing) this.#lose();
    }
    this.#tell({ event: 'closed' });
  }

  #lose(): void {
    this.killRest();
    const startError = readRecord(this.directory) ? 'monitor lost' : 'its creation was interrupted';
    const event = { event: 'exited', waitStatus: 9, startErrno: 0, oomKilled: false, exitedAtMs: this.clock.wallMs(), startError } as const;
    writeLostExit(this.directory, event);
    this.#finish(event);
  }

  #tell(event: Parameters<Waiter['on']>[0]): void {
    for (const waiter of [...this.#waiters]) if (waiter.on(event)) this.#waiters.delete(waiter);
  }

  #next(accept: (event: Parameters<Waiter['on']>[0]) => boolean | Error, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        on(event) {
          const verdict = accept(event);
          if (verdict === false) return false;
          signal?.removeEventListener('abort', onAbort);
          if (verdict instanceof Error) reject(verdict);
          else resolve();
          return true;
        },
      };
      const onAbort = () => {
        this.#waiters.delete(waiter);
        reject(signal!.reason as Error);
      };
      if (signal) {
        setMaxListeners(0, signal); // one signal may well end the waiting for hundreds of containers
        signal.addEventListener('abort', onAbort, { once: true });
      }
      this.#waiters.add(waiter);
    });
  }

  #until(wanted: 'created' | 'started' | 'state' | 'exited', signal?: AbortSignal): Promise<void> {
    return this.#next((event) => event.event === wanted || this.#failureOf(event), signal);
  }

  /** What ends any waiting early. */
  #failureOf(event: Parameters<Waiter['on']>[0]): Error | false {
    if (event.event === 'failed') return new Refused('invalid', failureWords(event));
    if (event.event === 'start-failed') return new Refused('invalid', startFailureWords(event.errno, this.record?.argv0 ?? ''));
    if (event.event === 'exited') return new Refused('precondition', `container ${this.id} ended before it was started`);
    if (event.event === 'closed') return new Temporary(`the monitor of container ${this.id} went away`);
    return false;
  }

  #collectFiles(count: number): Promise<string[]> {
    const texts: string[] = [];
    return this.#next((event) => {
      if (event.event === 'file') return texts.push(event.data.toString('utf8')) === count;
      return this.#failureOf(event);
    }).then(() => texts);
  }
}
