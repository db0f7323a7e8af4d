import { Bell } from '../../base/src/index.js';
import type { AssignedNetwork, EncryptionKey, NetworkNotice, PeerProbe } from '../../model/src/index.js';
import { noDrift } from './drift.js';
import type { Attachment, LocalContainer, NetworkState, NodeNetwork, NodeNetworkView } from './network.js';

/** The effects of a node's network without a kernel, for tests of those who use one. */
export class FakeNodeNetwork implements NodeNetwork {
  /** The view applied last. */
  view: NodeNetworkView | undefined;
  readonly containers = new Map<string, LocalContainer>();
  isOpen = true;
  readonly keysChanged = new Bell();
  keys: EncryptionKey[] = [];
  readonly noticed = new Bell();
  known: NetworkNotice = { takenPorts: [], drift: 0, lastDrift: [] };

  async apply(view: NodeNetworkView, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.view = view;
  }

  async attach(container: LocalContainer, _networks: readonly AssignedNetwork[], signal: AbortSignal): Promise<Attachment> {
    signal.throwIfAborted();
    this.containers.set(container.containerId, container);
    return { netnsPath: `/fake/netns/${container.containerId}`, nameserver: container.networks.length > 0 ? '127.0.0.11' : '', mtu: 1450 };
  }

  async detach(containerId: string): Promise<void> {
    this.containers.delete(containerId);
  }

  async attached(): Promise<string[]> {
    return [...this.containers.keys()];
  }

  encryptionKeys(): EncryptionKey[] {
    return this.keys;
  }

  notice(): NetworkNotice {
    return this.known;
  }

  state(): NetworkState {
    return { drift: noDrift(), looks: 0, mtu: 1450 };
  }

  async probe(): Promise<PeerProbe[]> {
    return [];
  }

  async close(): Promise<void> {
    this.isOpen = false;
  }

  async destroy(): Promise<void> {
    this.containers.clear();
    this.view = undefined;
    this.isOpen = false;
  }

  /** What stands, in words. */
  dump(): string[] {
    return [...this.containers.values()].map(
      ({ containerId, networks }) => `${containerId}: ${networks.map(({ networkId, address }) => `${networkId} ${address}`).join(', ') || 'loopback only'}`,
    );
  }
}
