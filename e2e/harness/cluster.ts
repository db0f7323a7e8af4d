import { mkdirSync, readFileSync, rmSync, writeFileSync, copyFileSync, existsSync, readdirSync, readlinkSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess, isAlive } from './process.js';
import { Host, type HostRecord, type Program } from './host.js';
import { must, run, type RunResult } from './run.js';
import { addHost, createUnderlay, destroyUnderlay, setLink, type Underlay } from './underlay.js';
import { until } from './wait.js';

export interface ClusterOptions {
  /** At most 8 characters of [a-z0-9]. */
  name: string;
  /** First three bytes of the hosts' /24. */
  prefix: string;
  /** Hosts, the manager's among them. */
  nodes: number;
  distDir: string;
  /** Image archives that every node knows from the start. */
  imageArchives: string[];
  baseDir?: string;
  agentArgs?: string[];
  /** More of `shoal init`. */
  initArgs?: string[];
  /** Runs before a host becomes part of the cluster; returns more of its `shoal join`. */
  prepare?: (host: Host) => Promise<string[]>;
  onStep?: (what: string) => void;
}

interface ClusterRecord {
  underlay: Underlay;
  distDir: string;
  agentArgs: string[];
  hosts: HostRecord[];
}

export const defaultBaseDir = '/var/lib/shoal-clusters';

/**
 * A real cluster on one machine: one manager with its etcd and agents on N hosts, the first of them the manager's.
 * Written down under `<base>/<name>/cluster.json`, so that any later run finds it, and `down` ends it.
 */
export class Cluster {
  readonly hosts: Host[];

  private constructor(
    private readonly dir: string,
    private readonly record: ClusterRecord,
  ) {
    this.hosts = record.hosts.map((host) => new Host(host, record.underlay, record.distDir, () => this.#save()));
  }

  /** The cluster of that name, if there is one. */
  static find(name: string, baseDir = defaultBaseDir): Cluster | undefined {
    const dir = join(baseDir, name);
    if (!existsSync(join(dir, 'cluster.json'))) return undefined;
    return new Cluster(dir, JSON.parse(readFileSync(join(dir, 'cluster.json'), 'utf8')) as ClusterRecord);
  }

  /** Makes and starts a new one. On failure nothing is left of it. */
  static async up(options: ClusterOptions): Promise<Cluster> {
    const step = options.onStep ?? (() => undefined);
    const dir = join(options.baseDir ?? defaultBaseDir, options.name);
    const underlay = { name: `sh-${options.name}`, prefix: options.prefix };
    await Cluster.find(options.name, options.baseDir)?.down();
    await destroyUnderlay(underlay);
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
    const cluster = new Cluster(dir, { underlay, distDir: options.distDir, agentArgs: options.agentArgs ?? [], hosts: [] });
    try {
      step('network of the hosts');
      await createUnderlay(underlay);
      for (let number = 1; number <= options.nodes; number++) {
        step(`host node-${number}`);
        await cluster.#addHost(number, options.imageArchives);
      }
      await cluster.#start(step, options);
      return cluster;
    } catch (error) {
      const tails = cluster.hosts.flatMap((host) => (['manager', 'agent'] as const).map((program) => `--- ${host.name} ${program}\n${host.logTail(program)}`));
      await cluster.down();
      throw new Error(`the cluster did not come up\n${tails.join('\n')}`, { cause: error });
    }
  }

  get manager(): Host {
    return this.hosts[0]!;
  }

  host(name: string): Host {
    const host = this.hosts.find((candidate) => candidate.name === name);
    if (!host) throw new Error(`there is no host ${name}`);
    return host;
  }

  /** Runs `shoal …` against this cluster's manager. */
  shoal(args: string[], options: Parameters<typeof run>[1] = {}): Promise<RunResult> {
    return run([process.execPath, join(this.record.distDir, 'cli/shoal.cjs'), '--host', `unix://${this.manager.socketPath}`, ...args], options);
  }

  /** Runs the real docker CLI against this cluster's manager. */
  docker(args: string[], options: Parameters<typeof run>[1] = {}): Promise<RunResult> {
    return run(['docker', ...args], { ...options, env: { ...options.env, DOCKER_HOST: `unix://${this.manager.socketPath}` } });
  }

  startAgent(host: Host): void {
    host.start('agent', ['--cgroup-parent', host.cgroupParent, '--shim', join(this.record.distDir, 'shim/shoal-shim'), ...this.record.agentArgs]);
  }

  cutLink(host: Host): Promise<void> {
    return setLink(this.record.underlay, host.name, 'down');
  }

  mendLink(host: Host): Promise<void> {
    return setLink(this.record.underlay, host.name, 'up');
  }

  /** Ends everything the cluster started, and removes every trace of it. Safe to call on half a cluster. */
  async down(): Promise<void> {
    for (const host of this.hosts) for (const program of ['agent', 'manager'] satisfies Program[]) await host.stop(program);
    for (const host of this.hosts) await endCgroups(host.cgroupParent);
    endStrays(this.hosts);
    for (const host of this.hosts) await endProcess(host.record.holder, 0);
    for (const host of this.hosts) await Host.release(host.record.dir);
    await destroyUnderlay(this.record.underlay);
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #addHost(number: number, imageArchives: string[]): Promise<void> {
    const { underlay } = this.record;
    const name = `node-${number}`;
    const address = `${underlay.prefix}.${10 + number}`;
    await addHost(underlay, name, address);
    const dir = join(this.dir, name);
    const holder = await Host.hold(underlay, name, dir);
    const record: HostRecord = { name, address, dir, holder, programs: {} };
    this.record.hosts.push(record);
    this.#save();
    const host = new Host(record, underlay, this.record.distDir, () => this.#save());
    this.hosts.push(host);
    const preload = join(host.stateDir, 'preload');
    mkdirSync(preload, { recursive: true });
    for (const archive of imageArchives) copyFileSync(archive, join(preload, archive.slice(archive.lastIndexOf('/') + 1)));
  }

  async #start(step: (what: string) => void, { initArgs = [], prepare = async () => [] }: ClusterOptions): Promise<void> {
    step('manager on node-1');
    const own = await prepare(this.manager);
    await this.#cli(this.manager, ['init', '--advertise-addr', this.manager.address, '--state-dir', this.manager.stateDir, '--no-start', ...initArgs, ...own]);
    this.manager.start('manager');
    await until('the manager answers', async () => (await this.shoal(['info'])).status === 0, { deadlineMs: 30_000 });
    this.startAgent(this.manager);
    const token = (await must([process.execPath, join(this.record.distDir, 'cli/shoal.cjs'), '--host', `unix://${this.manager.socketPath}`, 'join-token', '-q', 'worker'])).trim();
    for (const host of this.hosts.slice(1)) {
      step(`agent on ${host.name}`);
      await this.#cli(host, ['join', ...(await prepare(host)), '--token', token, '--state-dir', host.stateDir, '--no-start', `${this.manager.address}:2377`]);
      this.startAgent(host);
    }
    step('every node ready');
    await until('every node is ready', async () => {
      const { stdout } = await this.shoal(['node', 'ls', '--format', '{{.Status}}']);
      return stdout.split('\n').filter((line) => line === 'Ready').length === this.hosts.length;
    });
  }

  #cli(host: Host, args: string[]): Promise<string> {
    return host.must([process.execPath, join(this.record.distDir, 'cli/shoal.cjs'), ...args]);
  }

  #save(): void {
    if (!existsSync(this.dir)) return; // taken down already
    writeFileSync(join(this.dir, 'cluster.json'), JSON.stringify(this.record, null, 2));
  }
}

/** Kills what runs in the cgroups below `parent` in any hierarchy, and removes them. */
async function endCgroups(parent: string): Promise<void> {
  const roots = ['/sys/fs/cgroup', ...readdirSync('/sys/fs/cgroup').map((name) => join('/sys/fs/cgroup', name))];
  const groups = roots.map((root) => join(root, parent)).filter((path) => existsSync(join(path, 'cgroup.procs')));
  await until(`the cgroups of ${parent} are empty`, async () => {
    let alive = 0;
    for (const group of groups) alive += killGroup(group);
    return alive === 0;
  });
  for (const group of groups) removeGroup(group);
}

function killGroup(path: string): number {
  if (!existsSync(path)) return 0;
  let alive = 0;
  for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) alive += killGroup(join(path, entry.name));
  for (const pid of readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
    alive++;
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  return alive;
}

function removeGroup(path: string): void {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) removeGroup(join(path, entry.name));
  rmdirSync(path);
}

/** Shims, launchers and etcd that outlived their parent: whatever still lives in a mount namespace of the hosts. */
function endStrays(hosts: readonly Host[]): void {
  const namespaceOf = (pid: string | number) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/mnt`);
    } catch {
      return undefined; // it ended meanwhile
    }
  };
  const holders = new Map(hosts.filter(({ record }) => isAlive(record.holder)).map(({ record }) => [namespaceOf(record.holder.pid), record.holder.pid]));
  holders.delete(namespaceOf('self')); // a holder that never got its own namespace must not cost us ours
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const namespace = namespaceOf(pid);
    if (namespace === undefined || !holders.has(namespace) || holders.get(namespace) === Number(pid)) continue;
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
