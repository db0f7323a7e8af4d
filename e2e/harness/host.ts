import { closeSync, mkdirSync, openSync, readFileSync, readSync, fstatSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess, recordProcess, signalProcess, isAlive, type ProcessRecord } from './process.js';
import { must, run, startDetached, type RunResult } from './run.js';
import { hostNamespace, ipv6Beside, type Underlay } from './underlay.js';
import { until } from './wait.js';

export type Program = 'manager' | 'agent';

/** What is written down about a host, so that another run of the harness finds it. */
export interface HostRecord {
  name: string;
  address: string;
  dir: string;
  /** Keeps the mount namespace alive; every process of the host enters through it. */
  holder: ProcessRecord;
  programs: Partial<Record<Program, ProcessRecord>>;
}

/** A machine of the cluster: a network namespace, a mount namespace, a state folder, a cgroup subtree. */
export class Host {
  constructor(
    readonly record: HostRecord,
    private readonly underlay: Underlay,
    private readonly distDir: string,
    private readonly save: () => void,
  ) {}

  get name(): string {
    return this.record.name;
  }

  get address(): string {
    return this.record.address;
  }

  get ipv6Address(): string {
    return ipv6Beside(this.record.address);
  }

  get stateDir(): string {
    return join(this.record.dir, 'state');
  }

  get runDir(): string {
    return join(this.record.dir, 'run');
  }

  get socketPath(): string {
    return join(this.runDir, 'manager.sock');
  }

  get cgroupParent(): string {
    return `${this.underlay.name}-${this.name}`;
  }

  /** Starts the process that holds the host's mount namespace. Its mounts do not reach ours. */
  static async hold(underlay: Underlay, name: string, dir: string): Promise<ProcessRecord> {
    for (const sub of ['state', 'run']) mkdirSync(join(dir, sub), { recursive: true });
    // In memory, as /run is on a real host.
    await must(['mount', '-t', 'tmpfs', '-o', 'mode=755,size=1g', 'shoal-run', join(dir, 'run')]);
    const namespace = `/run/netns/${hostNamespace(underlay, name)}`;
    const pid = startDetached(['unshare', `--mount`, '--propagation', 'private', `nsenter`, `--net=${namespace}`, 'sleep', 'infinity'], join(dir, 'holder.log'));
    // Who enters earlier enters the namespaces of this machine.
    await until(`${name} stands`, async () => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n', { everyMs: 2 });
    return recordProcess(pid);
  }

  /** Gives back what `hold` took, once the holder has ended. */
  static async release(dir: string): Promise<void> {
    await run(['umount', '--lazy', join(dir, 'run')]);
  }

  /** argv that runs a program on this host. */
  enter(argv: string[]): string[] {
    return ['nsenter', '-t', String(this.record.holder.pid), '--mount', '--net', '--', ...argv];
  }

  run(argv: string[], options?: Parameters<typeof run>[1]): Promise<RunResult> {
    return run(this.enter(argv), options);
  }

  must(argv: string[], options?: Parameters<typeof must>[1]): Promise<string> {
    return must(this.enter(argv), options);
  }

  start(program: Program, args: string[] = []): void {
    const argv = [join(this.distDir, program, `${program}.cjs`), '--state-dir', this.stateDir, '--run-dir', this.runDir, '--hostname', this.name, ...args];
    const pid = startDetached(this.enter(argv), this.logPath(program));
    this.record.programs[program] = recordProcess(pid);
    this.save();
  }

  isRunning(program: Program): boolean {
    const record = this.record.programs[program];
    return record !== undefined && isAlive(record);
  }

  pid(program: Program): number {
    const record = this.record.programs[program];
    if (!record) throw new Error(`${this.name} has no ${program}`);
    return record.pid;
  }

  signal(program: Program, signal: NodeJS.Signals): void {
    const record = this.record.programs[program];
    if (record) signalProcess(record, signal);
  }

  async stop(program: Program): Promise<void> {
    const record = this.record.programs[program];
    if (record) await endProcess(record);
    delete this.record.programs[program];
    this.save();
  }

  logPath(program: Program): string {
    return join(this.record.dir, `${program}.log`);
  }

  /** The last lines that a program wrote: for messages of failed tests. */
  logTail(program: Program, maxBytes = 4096): string {
    let file: number;
    try {
      file = openSync(this.logPath(program), 'r');
    } catch {
      return '(it never wrote anything)';
    }
    try {
      const { size } = fstatSync(file);
      const buffer = Buffer.alloc(Math.min(size, maxBytes));
      readSync(file, buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString();
    } finally {
      closeSync(file);
    }
  }
}
