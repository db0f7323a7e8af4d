import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isTemporary, Temporary, type Clock } from '../../base/src/index.js';
import type { Mesh } from './mesh.js';
import * as route from './rtnetlink.js';
import type { Wire } from './kernel-item.js';
import type { WireChange, WireStatus } from './wireguard-config.js';
import type { WireDevice } from './wireguard.js';
import { askWireguard, connectWireguard, parseWireStatus, renderWireChange } from './wireguard-uapi.js';

const program = 'wireguard-go';
const startTimeoutMs = 5_000;
const startPollMs = 20;
/** Where the program listens, by the name that its device was made with. */
const socketFolder = '/var/run/wireguard';

/**
 * WireGuard in a process of its own, for kernels without it. The process is the host's, and so are its UDP socket's packets; its device is moved
 * to the mesh. It outlives the agent, as containers do; when it ends its device goes with it.
 */
export class WireguardGo implements WireDevice {
  readonly #firstName: string;
  readonly #socketPath: string;
  #isWatched = false;

  constructor(
    readonly name: Wire,
    private readonly mesh: Mesh,
    private readonly folder: string,
    private readonly clock: Clock,
    /** The process has ended. */
    private readonly lost: () => void,
  ) {
    // All processes of a machine share the folder of the sockets, several nodes may share the machine: the name says whose it is.
    this.#firstName = `${name}-${createHash('sha256').update(folder).digest('hex').slice(0, 10)}`;
    this.#socketPath = join(socketFolder, `${this.#firstName}.sock`);
  }

  async ensure(mtu: number): Promise<void> {
    if (!route.findLink(this.mesh.mesh, this.name) || !(await this.#isAlive())) {
      await this.remove();
      await this.#start(mtu);
    }
    await this.#watch();
  }

  async read(): Promise<WireStatus> {
    return parseWireStatus(await askWireguard(this.#socketPath, 'get=1\n\n'));
  }

  async set(change: WireChange): Promise<void> {
    await askWireguard(this.#socketPath, renderWireChange(change));
  }

  async remove(): Promise<void> {
    const pid = this.#runningPid();
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    for (const netlink of [this.mesh.mesh, this.mesh.host]) {
      const link = route.findLink(netlink, netlink === this.mesh.mesh ? this.name : this.#firstName);
      if (link) netlink.request([route.deleteLink(link.index)]);
    }
    for (const file of [this.#pidFile, this.#socketPath]) rmSync(file, { force: true });
  }

  async #start(mtu: number): Promise<void> {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const logFile = join(this.folder, `${this.name}.log`);
    const log = openSync(logFile, 'w', 0o600);
    const { NODE_OPTIONS: _ours, ...environment } = process.env;
    const child = spawn(program, ['-f', this.#firstName], { detached: true, stdio: ['ignore', log, log], env: { ...environment, LOG_LEVEL: 'error' } });
    closeSync(log);
    let failure: Error | undefined;
    child.on('error', (error) => (failure = error));
    child.unref();
    const startedMs = this.clock.monotonicMs();
    while (!(await this.#isAlive())) {
      if (failure) throw new Temporary(`${program} cannot be run`, { cause: failure });
      if (child.exitCode !== null || child.signalCode !== null) throw new Temporary(`${program} ended at once: ${readFileSync(logFile, 'utf8').trim() || (child.signalCode ?? `status ${child.exitCode}`)}`);
      if (this.clock.monotonicMs() - startedMs > startTimeoutMs) throw new Temporary(`${program} did not answer within ${startTimeoutMs} ms`);
      await this.clock.sleep(startPollMs);
    }
    writeFileSync(this.#pidFile, String(child.pid), { mode: 0o600 });
    const { host, namespaceFd } = this.mesh;
    const { index } = route.linkNamed(host, this.#firstName);
    host.request([route.setLinkMtu(index, mtu), route.moveLink(index, { name: this.name, mtu, namespaceFd })]);
    const moved = route.linkNamed(this.mesh.mesh, this.name).index;
    this.mesh.mesh.request([route.setLinkUp(moved)]);
  }

  async #isAlive(): Promise<boolean> {
    try {
      (await connectWireguard(this.#socketPath)).destroy();
      return true;
    } catch (error) {
      if (isTemporary(error)) return false;
      throw error;
    }
  }

  /** The program closes the connection when it ends, in whatever way. */
  async #watch(): Promise<void> {
    if (this.#isWatched) return;
    const socket = await connectWireguard(this.#socketPath);
    this.#isWatched = true;
    socket.unref();
    socket.on('error', () => undefined); // it closes, then
    socket.once('close', () => {
      this.#isWatched = false;
      this.lost();
    });
  }

  get #pidFile(): string {
    return join(this.folder, `${this.name}.pid`);
  }

  /** Only a process that still is what we started. */
  #runningPid(): number | undefined {
    try {
      const pid = Number(readFileSync(this.#pidFile, 'utf8'));
      const isOurs = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(this.#firstName);
      return isOurs ? pid : undefined;
    } catch {
      return undefined; // there is no such process, or none was ever started
    }
  }
}
