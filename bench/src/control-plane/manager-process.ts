import { spawn, type ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { getJson } from '../../../e2e/harness/api.js';
import { until } from '../../../e2e/harness/wait.js';

/** How the manager fared since the last `reset`. */
export interface Vitals {
  delayP50Ms: number;
  delayP99Ms: number;
  delayMaxMs: number;
  cpuMs: number;
  rssBytes: number;
  heapBytes: number;
}

export interface ManagerPorts {
  rpc: number;
  etcdClient: number;
  etcdPeer: number;
}

/** The built manager with its etcd, as it runs on a host, but for the probe. */
export class ManagerProcess {
  #nextId = 1;

  private constructor(
    private readonly child: ChildProcess,
    readonly socketPath: string,
    readonly servingAfterMs: number,
  ) {}

  /** Resolves when it serves the API. `profile`: where the names of files with V8's profiles begin, one of each stretch between `reset` and `read`. */
  static async start(options: { distDir: string; dir: string; ports: ManagerPorts; profile?: string | undefined }): Promise<ManagerProcess> {
    const { distDir, dir, ports, profile } = options;
    const socketPath = join(dir, 'run', 'manager.sock');
    const log = openSync(join(dir, 'manager.log'), 'a');
    const probe = join(distDir, '..', 'bench', 'src', 'control-plane', 'probe.cjs');
    const startedMs = performance.now();
    const child = spawn(
      join(distDir, 'manager', 'manager.cjs'),
      [
        ...['--state-dir', join(dir, 'state'), '--run-dir', join(dir, 'run'), '--port', String(ports.rpc)],
        ...['--etcd-client-port', String(ports.etcdClient), '--etcd-peer-port', String(ports.etcdPeer)],
      ],
      { stdio: ['ignore', log, log, 'ipc'], env: { ...process.env, NODE_OPTIONS: `--require ${probe}`, ...(profile && { BENCH_PROFILE: profile }) } },
    );
    await until('the manager serves', async () => (await getJson<{ status: string }>(socketPath, '/healthz')).status === 'ok' && child.exitCode === null, { deadlineMs: 60_000, everyMs: 20 });
    return new ManagerProcess(child, socketPath, performance.now() - startedMs);
  }

  /** Loop delay and processor time count from now on. */
  async reset(): Promise<void> {
    await this.#ask('reset');
  }

  read(): Promise<Vitals> {
    return this.#ask('read');
  }

  /** SIGTERM, and its etcd ends with it. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** SIGKILL: its etcd lives on and is adopted by the next. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill(signal);
    await exited;
  }

  #ask(word: string): Promise<Vitals> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      const listen = (message: { id: number; value: Vitals }) => {
        if (message.id !== id) return;
        this.child.off('message', listen);
        resolve(message.value);
      };
      this.child.on('message', listen);
      this.child.send({ id, word });
    });
  }
}
