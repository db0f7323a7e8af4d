import type { AssignedPeer } from '../../model/src/index.js';
import { wireAddress } from './addresses.js';
import type { NodeNetworkView } from './network.js';

/** What one WireGuard device shall be, or is. Keys are Curve25519 in base64. */
export interface WireConfig {
  privateKey: string;
  port: number;
  peers: WirePeer[];
}

export interface WirePeer {
  publicKey: string;
  endpoint: { address: string; port: number };
  /** The one address that packets of this peer may come from, and that lead to it. */
  address: string;
}

/** What a device says of itself. */
export interface WireStatus extends WireConfig {
  /** When each peer last shook hands, by its public key, in seconds of wall-clock time; missing: never. */
  handshakes: ReadonlyMap<string, number>;
}

/** What must be told to a device. */
export interface WireChange {
  privateKey?: string;
  port?: number;
  put: WirePeer[];
  /** Public keys. */
  remove: string[];
}

/**
 * So often a device sends a packet to each peer that it hears nothing from: sessions are renewed before they are needed, and a peer that has
 * forgotten its sessions is heard at once.
 */
export const keepaliveSeconds = 25;

/** Every other node with every key it has. Where only one of them is used, the rest is ready. */
export function wireConfig({ self, peers }: NodeNetworkView, key: { privateKey: string; port: number }): WireConfig {
  return { ...key, peers: peers.filter((peer) => peer.nodeId !== self.nodeId).flatMap(wirePeers) };
}

function wirePeers({ index, dataPathAddress, encryptionKeys = [] }: AssignedPeer): WirePeer[] {
  return encryptionKeys.map(({ slot, publicKey, port }) => ({ publicKey, endpoint: { address: dataPathAddress, port }, address: wireAddress(index, slot) }));
}

/** Whatever is right stays untouched, and with it its sessions. */
export function diffWire(found: WireConfig, wanted: WireConfig): WireChange {
  const before = new Map(found.peers.map((peer) => [peer.publicKey, peer]));
  const after = new Set(wanted.peers.map(({ publicKey }) => publicKey));
  return {
    ...(found.privateKey === wanted.privateKey ? {} : { privateKey: wanted.privateKey }),
    ...(found.port === wanted.port ? {} : { port: wanted.port }),
    put: wanted.peers.filter((peer) => !isSamePeer(before.get(peer.publicKey), peer)),
    remove: [...before.keys()].filter((key) => !after.has(key)),
  };
}

export function isNoChange({ privateKey, port, put, remove }: WireChange): boolean {
  return privateKey === undefined && port === undefined && put.length === 0 && remove.length === 0;
}

function isSamePeer(a: WirePeer | undefined, b: WirePeer): boolean {
  return a !== undefined && a.address === b.address && a.endpoint.address === b.endpoint.address && a.endpoint.port === b.endpoint.port;
}
