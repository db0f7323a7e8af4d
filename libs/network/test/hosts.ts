import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildSync } from 'esbuild';
import type { Attachment, LocalContainer, NodeNetworkOptions, NodeNetworkView } from '../src/index.js';
import type { AssignedNetwork } from '../../model/src/index.js';

/**
 * Hosts on one machine: each a network and a mount namespace, held by a sleeping process, linked by a bridge in a
 * namespace of its own. Nothing leads outside.
 */

const deadlineMs = 30_000;
let driverFile: string | undefined;

function driver(): string {
  if (driverFile) return driverFile;
  driverFile = join(process.cwd(), 'node_modules', '.cache', `network-driver-${process.pid}.mjs`); // beside the packages it imports
  buildSync({ entryPoints: [join(process.cwd(), 'libs/network/test/driver.ts')], outfile: driverFile, bundle: true, platform: 'node', format: 'esm', packages: 'external' });
  return driverFile;
}

export class Machine {
  readonly #stateDir = mkdtempSync(join(tmpdir(), 'network-test-'));
  readonly #switch = hold();
  readonly hosts: Host[] = [];

  constructor() {
    inside(this.#switch.pid!, 'ip link add br0 type bridge && ip link set br0 up');
  }

  /** A plain namespace on the wire: a client from outside the cluster. */
  addClient(address: string): Namespace {
    const holder = hold();
    this.#plug(holder, address);
    const client = new Namespace(holder);
    this.#clients.push(client);
    return client;
  }

  addHost(index: number, address = `10.99.0.${index}`): Host {
    const holder = hold();
    this.#plug(holder, address);
    const host = new Host(holder, index, address, join(this.#stateDir, `host${index}`));
    this.hosts.push(host);
    return host;
  }

  async close(): Promise<void> {
    for (const host of this.hosts) await host.close();
    for (const client of this.#clients) await client.close();
    await end(this.#switch);
    rmSync(this.#stateDir, { recursive: true, force: true });
    if (driverFile) rmSync(driverFile, { force: true });
    driverFile = undefined;
  }

  /** Reads everything that passes the wire from now on; `end` returns it as text. `filter` as tcpdump takes it. */
  async capture(filter = ''): Promise<{ end(): Promise<string> }> {
    const file = join(this.#stateDir, `wire${this.#captures++}`);
    const command = ['-t', String(this.#switch.pid), '-n', '--', 'tcpdump', '-i', 'any', '--immediate-mode', '-U', '-w', file, ...filter.split(' ').filter(Boolean)];
    const capture = spawn('nsenter', command, { stdio: ['ignore', 'ignore', 'pipe'] });
    await new Promise((resolve, reject) => {
      capture.stderr.once('data', resolve); // it listens
      capture.once('error', reject);
    });
    return {
      async end() {
        await end(capture);
        return readFileSync(file, 'latin1');
      },
    };
  }

  readonly #clients: Namespace[] = [];
  #captures = 0;
  #ports = 0;

  #plug(holder: ChildProcess, address: string): void {
    const port = `p${this.#ports++}`;
    inside(this.#switch.pid!, `ip link add ${port} master br0 up type veth peer name eth0 netns ${holder.pid}`);
    inside(holder.pid!, `ip link set lo up; ip addr add ${address}/24 dev eth0; ip link set eth0 up`);
  }
}

/** A network namespace in which commands run. */
export class Namespace {
  readonly #children: ChildProcess[] = [];

  constructor(
    readonly holder: ChildProcess,
    readonly netnsPath?: string,
  ) {}

  get #enter(): string[] {
    const namespaces = ['nsenter', '-t', String(this.holder.pid), '-n', '-m', '--'];
    return this.netnsPath ? [...namespaces, 'nsenter', `--net=${this.netnsPath}`, '--'] : namespaces;
  }

  /** Runs a shell command to its end; its output, with `!<status>` when it failed. */
  run(script: string): string {
    const command = [...this.#enter, 'sh', '-c', script];
    const { stdout, stderr, status } = spawnSync(command[0]!, command.slice(1), { encoding: 'utf8', timeout: deadlineMs, env: cleanEnvironment() });
    return status === 0 ? stdout.trim() : `!${status} ${stdout.trim()} ${stderr.trim()}`;
  }

  /** Starts a Node program; resolves when it has printed its first line. */
  async start(script: string): Promise<Lines> {
    const command = [...this.#enter, process.execPath, '-e', script];
    const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'], env: cleanEnvironment() });
    this.#children.push(child);
    return new Lines(child);
  }

  async close(): Promise<void> {
    for (const child of this.#children) await end(child);
    if (!this.netnsPath) await end(this.holder);
  }
}

export class Host extends Namespace {
  #driver: Lines | undefined;
  readonly containers: Namespace[] = [];
  readonly options: NodeNetworkOptions;

  constructor(
    holder: ChildProcess,
    readonly index: number,
    readonly address: string,
    stateDir: string,
  ) {
    super(holder);
    this.options = { name: 'shoal', stateDir, dataPathAddress: address, dataPathPort: 4789, upstreamDns: [] };
  }

  async open(options: Partial<NodeNetworkOptions> = {}, environment: Record<string, string> = {}): Promise<void> {
    const command = ['nsenter', '-t', String(this.holder.pid), '-n', '-m', '--', 'env', ...Object.entries(environment).map(([name, value]) => `${name}=${value}`), process.execPath, driver()];
    this.#driver = new Lines(spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'pipe'], env: cleanEnvironment() }));
    await this.call('open', { ...this.options, ...options });
  }

  apply(view: NodeNetworkView): Promise<void> {
    return this.call('apply', view);
  }

  async attach(container: LocalContainer, networks: AssignedNetwork[]): Promise<Namespace> {
    const { netnsPath } = await this.call<Attachment>('attach', { container, networks });
    const namespace = new Namespace(this.holder, netnsPath);
    this.containers.push(namespace);
    return namespace;
  }

  async call<T>(call: string, argument: unknown = null): Promise<T> {
    this.#driver!.write(JSON.stringify({ call, argument }));
    const answer = JSON.parse(await this.#driver!.next()) as { result: T; error?: string; stack?: string };
    if (answer.error) throw new Error(`${call} on host ${this.index}: ${answer.stack}`);
    return answer.result;
  }

  /** Ends the process of the node's network as a crash would. */
  async crash(): Promise<void> {
    await this.#driver?.kill();
  }

  override async close(): Promise<void> {
    for (const container of this.containers) await container.close();
    await this.#driver?.kill();
    await super.close();
  }
}

/** A child whose output is read line by line, each with a deadline. */
export class Lines {
  readonly #lines: string[] = [];
  readonly #waiting: { take(line: string): void; fail(error: Error): void }[] = [];
  #errors = '';
  #hasEnded = false;

  constructor(readonly child: ChildProcess) {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const next = this.#waiting.shift();
      if (next) next.take(line);
      else this.#lines.push(line);
    });
    child.stderr?.setEncoding('utf8').on('data', (data: string) => (this.#errors += data));
    child.stdin?.on('error', () => undefined); // it has ended: `next` says so
    child.on('close', () => {
      this.#hasEnded = true;
      for (const { fail } of this.#waiting) fail(this.#ended());
    });
  }

  write(line: string): void {
    this.child.stdin!.write(`${line}\n`);
  }

  next(withinMs = deadlineMs): Promise<string> {
    const line = this.#lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    if (this.#hasEnded) return Promise.reject(this.#ended());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no line within ${withinMs} ms; it said: ${this.#errors}`)), withinMs);
      const done = <T>(settle: (value: T) => void) => (value: T) => {
        clearTimeout(timer);
        settle(value);
      };
      this.#waiting.push({ take: done(resolve), fail: done(reject) });
    });
  }

  kill(): Promise<void> {
    return end(this.child);
  }

  #ended(): Error {
    return new Error(`the program has ended; it said: ${this.#errors}`);
  }
}

function hold(): ChildProcess {
  const child = spawn('unshare', ['--net', '--mount', 'sh', '-c', 'echo ready; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'inherit'] });
  for (let tries = 0; tries < 200; tries++) {
    const isApart = spawnSync('sh', ['-c', `[ "$(readlink /proc/${child.pid}/ns/mnt)" != "$(readlink /proc/self/ns/mnt)" ] && ! cat /proc/${child.pid}/comm | grep -q unshare`]);
    if (isApart.status === 0) return child;
  }
  throw new Error('unshare did not make its namespaces');
}

function inside(pid: number, script: string): void {
  const { status, stderr } = spawnSync('nsenter', ['-t', String(pid), '-n', '--', 'sh', '-ec', script], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _costly, ...rest } = process.env;
  return rest;
}
