import type { AssignedNetwork, AssignedPeer, AssignedService, EncryptionKey } from '../../model/src/index.js';
import type { NodeNetworkView } from './network.js';

/** How this node's encrypted networks travel now. */
export interface EncryptionState {
  /** Slots of this node's WireGuard devices. */
  slots: readonly number[];
  /** By node id: which device of ours carries to which of the node's. Nodes that are missing cannot be reached encrypted. */
  paths: ReadonlyMap<string, WirePath>;
}

export interface WirePath {
  from: number;
  to: number;
}

/** UDP port of the VXLAN device whose packets travel inside WireGuard. No other port of it is open, and this one on no other device. */
export const innerTunnelPort = 4790;

/** UDP port of a node's WireGuard device. */
export function wirePort(slot: number): number {
  return 51_820 + slot;
}

/** Bytes that WireGuard adds to a packet, beside what VXLAN adds. */
export const wireBytes = 60;

/** Has this node anything to do with encrypted networks? */
export function needsEncryption({ networks, services }: NodeNetworkView): boolean {
  return networks.some(({ encrypted }) => encrypted) || services.some(hasEncryptedEndpoint);
}

const known = new WeakMap<AssignedService, boolean>();

function hasEncryptedEndpoint(service: AssignedService): boolean {
  let has = known.get(service);
  if (has === undefined) {
    has = service.endpoints.some((endpoint) => endpoint.addresses.some(({ encrypted }) => encrypted));
    known.set(service, has);
  }
  return has;
}

/** Is what this address belongs to reached encrypted only? */
export function isSealed(address: { networkId: string; encrypted?: true }, networks: readonly AssignedNetwork[]): boolean {
  return address.encrypted === true || networks.some(({ id, encrypted }) => encrypted && id === address.networkId);
}

/** The pairs of devices through which two nodes can talk, the best first: newer keys before older ones, ours counting more. */
export function candidatePaths(own: readonly EncryptionKey[], peer: AssignedPeer): WirePath[] {
  return own.toReversed().flatMap(({ slot: from }) => (peer.encryptionKeys ?? []).toReversed().map(({ slot: to }) => ({ from, to })));
}

/**
 * The path to a node. A newer pair of keys is taken as soon as both sides have shaken hands on it: until then the other may not know our
 * key yet. Without any handshake the oldest is the one that the other most likely knows.
 */
export function choosePath(candidates: readonly WirePath[], hasHandshake: (path: WirePath) => boolean): WirePath | undefined {
  return candidates.find(hasHandshake) ?? candidates.at(-1);
}
