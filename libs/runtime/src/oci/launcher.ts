import { spawn, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { Refused, Temporary } from '../../../base/src/index.js';
import { inheritedDescriptors } from './inherited-descriptors.js';
import { failureWords, startFailureWords } from '../exit-words.js';
import type { Operation } from '../operations.js';
import { ShimConnection, type ShimEvent } from '../shim-connection.js';

/** Standard streams and what the caller wants preserved; the connection comes after. */
const standardStreams = 3;

/**
 * One run of `shoal-shim launch`: its child is to be a container's process. Our own standard streams are the container's,
 * so nothing here may touch them.
 */
export class Launcher {
  readonly #events: ShimEvent[] = [];
  readonly #files: string[] = [];
  #wake: () => void = () => undefined;
  #closed = false;
  #connection!: ShimConnection;

  private constructor(
    readonly child: ChildProcess,
    readonly argv0: string,
  ) {}

  /** @param preservedDescriptors 3, 4, … of this process that the container gets, too */
  static start(shimPath: string, preservedDescriptors: number, argv0: string): Launcher {
    const connectionDescriptor = standardStreams + preservedDescriptors;
    const all = Array.from({ length: connectionDescriptor }, (_, descriptor) => descriptor);
    const given = inheritedDescriptors();
    const missing = all.filter((descriptor) => descriptor >= standardStreams && !given.has(descriptor));
    const inherited = all.map((descriptor) => (missing.includes(descriptor) ? ('ignore' as const) : descriptor));
    const child = spawn(shimPath, ['launch', String(connectionDescriptor), ...missing.map(String)], { stdio: [...inherited, 'pipe'], env: {} });
    const launcher = new Launcher(child, argv0);
    launcher.#listen(child.stdio[connectionDescriptor] as unknown as Socket);
    return launcher;
  }

  #listen(socket: Socket): void {
    this.child.once('error', (error) => this.#hear({ event: 'failed', step: 'run', object: 'the shim', errno: 0, reason: error.message }));
    this.#connection = ShimConnection.over(socket, {
      event: (event) => this.#hear(event),
      file: (_errno, data) => {
        this.#files.push(data.toString('utf8'));
        this.#wake();
      },
      closed: () => {
        this.#closed = true;
        this.#wake();
      },
    });
  }

  send(operations: readonly Operation[]): void {
    this.#connection.send(operations);
  }

  /** The event with that name. Throws what went wrong instead. */
  async until<Name extends ShimEvent['event']>(name: Name): Promise<Extract<ShimEvent, { event: Name }>> {
    for (;;) {
      const found = this.#events.find((event) => event.event === name);
      if (found) return found as Extract<ShimEvent, { event: Name }>;
      this.#throwFailure();
      await this.#next();
    }
  }

  /** What `readFile` operations have answered. */
  async files(count: number): Promise<string[]> {
    while (this.#files.length < count) {
      this.#throwFailure();
      await this.#next();
    }
    return this.#files;
  }

  close(): void {
    this.#connection.close();
  }

  #throwFailure(): void {
    for (const event of this.#events) {
      if (event.event === 'failed') throw new Refused('invalid', failureWords(event));
      if (event.event === 'start-failed') throw new Refused('invalid', startFailureWords(event.errno, this.argv0));
    }
    if (this.#closed) throw new Temporary('the process ended before it could be started');
  }

  #hear(event: ShimEvent): void {
    this.#events.push(event);
    this.#wake();
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
