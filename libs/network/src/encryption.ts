import { accessSync, constants, existsSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Bell, describeError, type Clock, type Trace } from '../../base/src/index.js';
import type { EncryptionKey } from '../../model/src/index.js';
import { loadKeys, makeKey, saveKeys, type OwnKey } from './encryption-keys.js';
import { candidatePaths, choosePath, needsEncryption, wireBytes, type EncryptionState, type WirePath } from './encryption-state.js';
import type { Wire } from './kernel-item.js';
import { ensureEncryptedTunnel, removeEncryptedTunnel, type Mesh } from './mesh.js';
import type { NodeNetworkOptions, NodeNetworkView } from './network.js';
import { diffWire, isNoChange, wireConfig, type WireStatus } from './wireguard-config.js';
import { WireguardGo } from './wireguard-go.js';
import { KernelWireguard, wireguardFamily } from './wireguard-kernel.js';
import type { WireDevice } from './wireguard.js';

export type EncryptionEvent =
  | { event: 'encryption-lost'; device: string }
  | { event: 'encryption-failed'; error: string }
  | { event: 'encryption-key-added' | 'encryption-key-retired'; publicKey: string };

/** A session that is used is renewed every two minutes: what has not been for longer is broken. */
const maxHandshakeAgeSeconds = 240;
/** While there is a choice of keys it is looked at this often. */
const lookAgainMs = 1_000;
/** And so often in any case. */
const maxRestMs = 3600_000;
/** A peer that has never taken up the new key may be away for good: it finds it when it is back. */
const retireAnywayMs = 10 * 60_000;
/** What others still send by the older key arrives for this long after all have taken up the newer one. */
const maxRetirementMs = 60_000;
const defaultLifetimeMs = 24 * 3600_000;

const cannotEncrypt =
  "this host cannot encrypt: its kernel has no WireGuard (CONFIG_WIREGUARD), and there is no program wireguard-go with /dev/net/tun; install one of them or keep the network's tasks off this node";

/**
 * The WireGuard devices of one node. There is one, `wg0` or `wg1`; while its key is replaced there are both, and each pair of nodes moves to the
 * newer one when it has shaken hands there. Level-triggered: `ensure` makes what is missing and says which way each peer is reached now.
 */
export class Encryption {
  readonly keysChanged = new Bell();
  readonly #family = wireguardFamily();
  readonly #isPossible: boolean;
  #keys: OwnKey[];
  readonly #devices = new Map<number, WireDevice>();
  #cancelLook: (() => void) | undefined;
  /** Of the last `ensure`. */
  #failure: string | undefined;
  /** Devices may be there, of ours or of an agent before us. */
  #mayStand = true;
  /** When the newest key was made, and since when every peer can be reached by it; of the rotation under way. */
  #rotation: { startedMs: number; readySinceMs?: number } | undefined;

  constructor(
    private readonly options: NodeNetworkOptions & { clock: Clock; trace?: Trace<EncryptionEvent> },
    private readonly mesh: Mesh,
    /** Asks for `ensure`. */
    private readonly changed: () => void,
  ) {
    this.#isPossible = this.#family !== undefined || hasWireguardGo();
    this.#keys = this.#isPossible ? loadKeys(this.#keyFile) : [];
    if (this.#isPossible && this.#keys.length === 0) this.#keep([makeKey(0, options.clock.wallMs())]);
    if (this.#keys.length > 1) this.#rotation = { startedMs: options.clock.monotonicMs() };
  }

  /** Why a container cannot be in an encrypted network here. */
  get obstacle(): string | undefined {
    return this.#isPossible ? this.#failure : cannotEncrypt;
  }

  keys(): EncryptionKey[] {
    return this.#keys.map(({ slot, publicKey, port }) => ({ slot, publicKey, port }));
  }

  /** `undefined`: nothing is encrypted here, or nothing can be. What fails is told and tried again: other networks do not wait for it. */
  async ensure(view: NodeNetworkView): Promise<EncryptionState | undefined> {
    this.#cancelLook?.();
    if (!this.#isPossible) return undefined;
    try {
      const state = await this.#ensure(view);
      this.#failure = undefined;
      return state;
    } catch (error) {
      this.#failure = `encryption does not work on this host now: ${describeError(error)}`;
      this.options.trace?.({ event: 'encryption-failed', error: describeError(error) });
      this.#cancelLook = this.options.clock.after(lookAgainMs, this.changed);
      return undefined;
    }
  }

  async #ensure(view: NodeNetworkView): Promise<EncryptionState | undefined> {
    if (!needsEncryption(view)) {
      if (this.#keys.length > 1) this.#retire();
      if (this.#mayStand) await this.#removeAll();
      return undefined;
    }
    this.#mayStand = true;
    this.#rotateWhenOld();
    for (const slot of [0, 1]) if (!this.#keys.some((key) => key.slot === slot)) await this.#removeDevice(slot);
    const statuses = new Map<number, WireStatus>();
    for (const key of this.#keys) statuses.set(key.slot, await this.#ensureDevice(key, view));
    ensureEncryptedTunnel(this.mesh);
    const paths = this.#paths(view, statuses);
    this.#lookAgain(view, paths);
    return { slots: this.#keys.map(({ slot }) => slot), paths };
  }

  /** Takes the devices away; the processes behind them end. */
  async destroy(): Promise<void> {
    this.close();
    await this.#removeAll();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The devices stay. */
  close(): void {
    this.#cancelLook?.();
  }

  async #ensureDevice(key: OwnKey, view: NodeNetworkView): Promise<WireStatus> {
    const device = this.#device(key.slot);
    await device.ensure(this.mesh.mtu - wireBytes + vxlanBytes);
    const found = await device.read();
    const change = diffWire(found, wireConfig(view, key));
    if (!isNoChange(change)) await device.set(change);
    return found;
  }

  #paths(view: NodeNetworkView, statuses: ReadonlyMap<number, WireStatus>): Map<string, WirePath> {
    const nowSeconds = this.options.clock.wallMs() / 1000;
    const paths = new Map<string, WirePath>();
    for (const peer of view.peers) {
      if (peer.nodeId === view.self.nodeId) continue;
      const path = choosePath(candidatePaths(this.#keys, peer), ({ from, to }) => {
        const publicKey = peer.encryptionKeys!.find(({ slot }) => slot === to)!.publicKey;
        return nowSeconds - (statuses.get(from)?.handshakes.get(publicKey) ?? 0) < maxHandshakeAgeSeconds;
      });
      if (path) paths.set(peer.nodeId, path);
    }
    return paths;
  }

  /** A new key beside the one in use, unless an earlier change is under way. */
  #rotateWhenOld(): void {
    const nowMs = this.options.clock.wallMs();
    const [key, ...others] = this.#keys;
    if (others.length > 0 || nowMs - key!.madeAtMs < this.#lifetimeMs) return;
    const next = makeKey(1 - key!.slot, nowMs);
    this.#rotation = { startedMs: this.options.clock.monotonicMs() };
    this.#keep([key!, next]);
    this.options.trace?.({ event: 'encryption-key-added', publicKey: next.publicKey });
  }

  /** While any two nodes have a choice of keys, handshakes are waited for; and in the end the older key of ours goes. */
  #lookAgain(view: NodeNetworkView, paths: ReadonlyMap<string, WirePath>): void {
    const { clock } = this.options;
    const retirementMs = Math.min(maxRetirementMs, this.#lifetimeMs / 4);
    const hasChoice = this.#keys.length > 1 || view.peers.some(({ encryptionKeys = [] }) => encryptionKeys.length > 1);
    const untilOldMs = this.#keys.at(-1)!.madeAtMs + this.#lifetimeMs - clock.wallMs();
    const lookInMs = Math.min(untilOldMs > 0 ? untilOldMs : Infinity, hasChoice ? lookAgainMs : maxRestMs);
    this.#cancelLook = clock.after(lookInMs, this.changed);
    if (this.#keys.length < 2 || !this.#rotation) return;
    const newest = this.#keys.at(-1)!.slot;
    const nowMs = clock.monotonicMs();
    const isReady = [...paths.values()].every(({ from }) => from === newest);
    if (!isReady) this.#rotation.readySinceMs = undefined;
    else this.#rotation.readySinceMs ??= nowMs;
    // Others look once a second, too: what they still send by the older key arrives until they have all looked.
    const isRetired = this.#rotation.readySinceMs !== undefined && nowMs - this.#rotation.readySinceMs >= retirementMs;
    if (isRetired || nowMs - this.#rotation.startedMs >= retireAnywayMs) this.#retire();
  }

  get #lifetimeMs(): number {
    return this.options.keyLifetimeMs ?? defaultLifetimeMs;
  }

  /** Others are told; the device goes with the next look. */
  #retire(): void {
    const [old, ...rest] = this.#keys;
    this.#rotation = undefined;
    this.#keep(rest);
    this.options.trace?.({ event: 'encryption-key-retired', publicKey: old!.publicKey });
    this.changed();
  }

  #keep(keys: OwnKey[]): void {
    saveKeys(this.#keyFile, keys);
    this.#keys = keys;
    this.keysChanged.ring();
  }

  #device(slot: number): WireDevice {
    const name: Wire = slot === 0 ? 'wg0' : 'wg1';
    let device = this.#devices.get(slot);
    if (!device) {
      const lost = () => {
        this.options.trace?.({ event: 'encryption-lost', device: name });
        this.changed();
      };
      device = this.#family === undefined ? new WireguardGo(name, this.mesh, this.#folder, this.options.clock, lost) : new KernelWireguard(name, this.mesh, this.#family);
      this.#devices.set(slot, device);
    }
    return device;
  }

  async #removeDevice(slot: number): Promise<void> {
    await this.#device(slot).remove();
    this.#devices.delete(slot);
  }

  async #removeAll(): Promise<void> {
    for (const slot of [0, 1]) await this.#removeDevice(slot);
    removeEncryptedTunnel(this.mesh);
    this.#mayStand = false;
  }

  get #folder(): string {
    return join(this.options.stateDir, 'encryption');
  }

  get #keyFile(): string {
    return join(this.#folder, 'keys.json');
  }
}

/** Of the inner VXLAN, whose underlay is IPv4. */
const vxlanBytes = 50;

function hasWireguardGo(): boolean {
  return existsSync('/dev/net/tun') && (process.env.PATH ?? '').split(delimiter).some((folder) => isExecutable(join(folder, 'wireguard-go')));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
