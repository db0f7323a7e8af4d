import { spawn } from 'node:child_process';
import { closeSync, mkdirSync } from 'node:fs';
import { dirname, isAbsolute } from 'node:path';
import { assert, backoffDelayMs, describeError, ignoreAbort, isErrno, Refused, Temporary, type Clock, type Trace } from '../../../base/src/index.js';
import { EtcdClient } from './client.js';
import type { EtcdTls } from './connections.js';
import type { EtcdEvent } from './events.js';
import { findServer, isServerOf, requireEtcd, requireFreeAddresses, requireWholeData } from './server-preflight.js';
import { ServerLog } from './server-log.js';

export interface EtcdServerOptions {
  /** Of this member: the manager's id. */
  name: string;
  dataDir: string;
  /** Listened on and advertised, e.g. `https://192.0.2.1:2379`; the first is also used to ask for its health. */
  clientUrls: string[];
  /** Listened on and advertised to other members. */
  peerUrl: string;
  /** Of clients and peers alike; both must then show a certificate of this CA. Files in PEM. */
  tls?: EtcdTls;
  /** Of a member that joins: `name=peerUrl` of all members, as MemberAdd answered. Absent: a new cluster of one. */
  join?: { initialCluster: string };
  /** Keeps members of different clusters apart. */
  clusterToken?: string;
  /** Default: `etcd` of the PATH. */
  binary?: string;
  /** How long it may take to answer; default 30 s: replaying a long log takes time. */
  readyTimeoutMs?: number;
  clock: Clock;
  trace: Trace<EtcdEvent>;
  /** Ends the supervision and the server. */
  signal: AbortSignal;
}

export interface EtcdServer {
  readonly pid: number | undefined;
  readonly clientUrls: readonly string[];
  readonly version: string;
  /** Resolves when etcd has ended: SIGTERM first (a leader hands over), SIGKILL after 10 s. Calling it again waits too. */
  stop(): Promise<void>;
}

const stopTimeoutMs = 10_000;
const restart = { firstMs: 1000, maxMs: 30_000 };

/**
 * Runs a local etcd and keeps it running. Resolves when it answers.
 *
 * An etcd that already serves this data directory (left by a manager that crashed) is adopted when it answers at the
 * same address. Throws `Refused('precondition')` when etcd is missing, too old, its data is damaged, or it ends at
 * once; `Temporary` when it does not answer in time.
 */
export async function startEtcd(options: EtcdServerOptions): Promise<EtcdServer> {
  options.signal.throwIfAborted();
  assert(isAbsolute(options.dataDir), `${options.dataDir} is not an absolute path`);
  const version = await requireEtcd(options.binary ?? 'etcd');
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const supervisor = new Supervisor(options, version);
  await supervisor.start();
  return supervisor;
}

class Supervisor implements EtcdServer {
  readonly clientUrls: readonly string[];
  readonly #options: EtcdServerOptions;
  readonly #stop = new AbortController();
  readonly #log: ServerLog;
  #pid: number | undefined;
  #exited: Promise<string> = Promise.resolve('never started');
  #kept: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(options: EtcdServerOptions, readonly version: string) {
    this.#options = options;
    this.clientUrls = options.clientUrls;
    this.#log = new ServerLog(`${options.dataDir}.log`);
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  async start(): Promise<void> {
    const { dataDir, clientUrls, peerUrl, signal } = this.#options;
    const running = findServer(dataDir);
    if (running === undefined) {
      await requireFreeAddresses([...clientUrls, peerUrl]);
      this.#launch();
    } else {
      this.#adopt(running);
    }
    const onAbort = () => void this.stop();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#ready();
    } catch (error) {
      signal.removeEventListener('abort', onAbort);
      if (running === undefined) await this.stop();
      else throw new Refused('precondition', `etcd (pid ${running}) holds ${dataDir} but does not answer at ${this.clientUrls[0]}: stop that process`, { cause: error });
      throw error;
    }
    this.#kept = this.#keep();
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#end());
  }

  async #end(): Promise<void> {
    this.#stop.abort(new Error('etcd is being stopped'));
    if (this.#pid !== undefined) {
      kill(this.#pid, 'SIGTERM');
      const force = this.#options.clock.after(stopTimeoutMs, () => this.#pid !== undefined && kill(this.#pid, 'SIGKILL'));
      await this.#exited;
      force();
    }
    await this.#kept;
  }

  #launch(): void {
    const { binary = 'etcd', dataDir, trace } = this.#options;
    requireWholeData(dataDir);
    // A process group of its own: a Ctrl-C at the manager's terminal must not reach etcd before the manager has ended.
    const log = this.#log.open();
    const child = spawn(binary, serverArguments(this.#options), { cwd: dirname(dataDir), stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    this.#pid = child.pid;
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => resolve(describeError(error)));
      child.once('exit', (code, killedBy) => resolve(killedBy ?? `exit status ${code}`));
    });
    void this.#exited.then(() => (this.#pid = undefined));
    if (child.pid !== undefined) trace({ event: 'etcd-started', pid: child.pid, adopted: false });
  }

  #adopt(pid: number): void {
    const { clock, dataDir, trace } = this.#options;
    this.#pid = pid;
    this.#exited = (async () => {
      while (isServerOf(pid, dataDir)) await clock.sleep(200);
      this.#pid = undefined;
      return 'ended (it was adopted: its status is unknown)';
    })();
    trace({ event: 'etcd-started', pid, adopted: true });
  }

  async #ready(): Promise<void> {
    const { clock, clientUrls, tls, trace, readyTimeoutMs = 30_000 } = this.#options;
    const startedMs = clock.monotonicMs();
    const client = new EtcdClient({ endpoints: [clientUrls[0]!], clock, ...(tls && { tls }) });
    let exited: string | undefined;
    void this.#exited.then((status) => (exited = status));
    try {
      for (;;) {
        try {
          await client.get(['health']);
          trace({ event: 'etcd-ready', pid: this.#pid ?? 0, durationMs: clock.monotonicMs() - startedMs });
          return;
        } catch (error) {
          if (exited !== undefined) throw new Refused('precondition', `etcd ended at its start (${exited}): ${this.#log.reason()}`, { cause: error });
          if (clock.monotonicMs() - startedMs > readyTimeoutMs) {
            throw new Temporary(`etcd did not become ready in ${readyTimeoutMs / 1000} s: ${this.#log.reason()}`, { cause: error });
          }
          await clock.sleep(50, this.#stop.signal);
        }
      }
    } finally {
      client.close();
    }
  }

  /** Starts it again whenever it ends, until stopped. */
  async #keep(): Promise<void> {
    const { clock, trace } = this.#options;
    for (let attempt = 0; ; attempt++) {
      const startedMs = clock.monotonicMs();
      const pid = this.#pid ?? 0;
      const status = await this.#exited;
      if (this.#stop.signal.aborted) return;
      if (clock.monotonicMs() - startedMs > restart.maxMs) attempt = 0;
      const restartMs = backoffDelayMs(attempt, restart);
      trace({ event: 'etcd-exited', pid, status, restartMs, lastLines: this.#log.lastLines() });
      await clock.sleep(restartMs, this.#stop.signal).catch(ignoreAbort(this.#stop.signal));
      if (this.#stop.signal.aborted) return;
      try {
        this.#launch();
      } catch (error) {
        this.#exited = Promise.resolve(describeError(error));
      }
    }
  }
}

/** The flags and why: facts of docs/decisions/0001-etcd-key-layout.md. */
function serverArguments({ name, dataDir, clientUrls, peerUrl, tls, join, clusterToken = 'shoal' }: EtcdServerOptions): string[] {
  const peerCluster = join?.initialCluster ?? `${name}=${peerUrl}`;
  return [
    ...['--name', name, '--data-dir', dataDir],
    ...['--listen-client-urls', clientUrls.join(','), '--advertise-client-urls', clientUrls.join(',')],
    ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
    ...['--initial-cluster', peerCluster, '--initial-cluster-state', join ? 'existing' : 'new', '--initial-cluster-token', clusterToken],
    ...(tls
      ? [
          ...['--client-cert-auth', '--trusted-ca-file', tls.ca, '--cert-file', tls.certificate, '--key-file', tls.key],
          ...['--peer-client-cert-auth', '--peer-trusted-ca-file', tls.ca, '--peer-cert-file', tls.certificate, '--peer-key-file', tls.key],
        ]
      : []),
    '--pre-vote=true',
    // Entries of big transactions stay in memory until a snapshot: the default of 100 000 costs gigabytes.
    '--snapshot-count=5000',
    '--quota-backend-bytes=4294967296',
    '--max-request-bytes=4194304',
    // A whole stack is one transaction.
    '--max-txn-ops=4096',
    // Only a net: the leader compacts every few seconds.
    ...['--auto-compaction-mode=periodic', '--auto-compaction-retention=1h'],
    '--experimental-initial-corrupt-check=true',
    '--experimental-corrupt-check-time=1h',
    // Lets clients notice a frozen member within three seconds.
    '--grpc-keepalive-min-time=1s',
    ...['--logger=zap', '--log-level=warn', '--log-outputs=stderr'],
  ];
}

function kill(pid: number, killSignal: NodeJS.Signals): void {
  try {
    process.kill(pid, killSignal);
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}
