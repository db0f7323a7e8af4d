import { addressBytes, formatAddress } from './addresses.js';
import { inNamespace } from './namespaces.js';
import { attribute, listAttributes, Netlink, netlinkProtocol, readAttributes } from './netlink.js';
import type { Wire } from './kernel-item.js';
import type { Mesh } from './mesh.js';
import * as route from './rtnetlink.js';
import { addressFamily } from './syscalls.js';
import type { WireDevice } from './wireguard.js';
import { keepaliveSeconds, type WireChange, type WirePeer, type WireStatus } from './wireguard-config.js';

/** WireGuard of the kernel, by generic netlink. Names and numbers are linux/wireguard.h's. */

const command = { getDevice: 0, setDevice: 1 } as const;
const deviceAttribute = { name: 2, privateKey: 3, port: 6, peers: 8 } as const;
const peerAttribute = { publicKey: 1, flags: 3, endpoint: 4, keepalive: 5, lastHandshake: 6, allowedIps: 9 } as const;
const allowedIpAttribute = { family: 1, address: 2, maskLength: 3 } as const;
const peerFlag = { remove: 1, replaceAllowedIps: 2 } as const;
const nested = 0x8000;

/** Number of the kernel's WireGuard family; `undefined`: the kernel has none, and no module that it could load. */
export function wireguardFamily(): number | undefined {
  const netlink = new Netlink(netlinkProtocol.generic);
  try {
    const [controller, getFamily, familyId, familyName] = [16, 3, 1, 2];
    const answer = netlink.get(controller, Buffer.concat([genericHeader(getFamily), attribute(familyName, Buffer.from('wireguard\0'))]));
    return answer && readAttributes(answer.subarray(4)).get(familyId)?.readUInt16LE(0);
  } finally {
    netlink.close();
  }
}

export class KernelWireguard implements WireDevice {
  constructor(
    readonly name: Wire,
    private readonly mesh: Mesh,
    private readonly family: number,
  ) {}

  async ensure(mtu: number): Promise<void> {
    const { host, mesh, namespaceFd } = this.mesh;
    if (!route.findLink(mesh, this.name)) host.request([route.addWireguard({ name: this.name, mtu, namespaceFd })]);
    mesh.request([route.setLinkUp(route.linkNamed(mesh, this.name).index)]);
  }

  async read(): Promise<WireStatus> {
    const question = Buffer.concat([genericHeader(command.getDevice), attribute(deviceAttribute.name, Buffer.from(`${this.name}\0`))]);
    return parseDevice(this.#generic((netlink) => netlink.dump(this.family, question)));
  }

  async set(change: WireChange): Promise<void> {
    const body = Buffer.concat([genericHeader(command.setDevice), renderDevice(this.name, change)]);
    this.#generic((netlink) => netlink.request([{ type: this.family, flags: 0, body, what: `configure ${this.name}` }]));
  }

  async remove(): Promise<void> {
    const link = route.findLink(this.mesh.mesh, this.name);
    if (link) this.mesh.mesh.request([route.deleteLink(link.index)]);
  }

  #generic<T>(job: (netlink: Netlink) => T): T {
    const netlink = inNamespace(this.mesh.namespaceFd, () => new Netlink(netlinkProtocol.generic));
    try {
      return job(netlink);
    } finally {
      netlink.close();
    }
  }
}

export function renderDevice(name: string, { privateKey, port, put, remove }: WireChange): Buffer {
  const removals = remove.map((key) => [attribute(peerAttribute.publicKey, keyBytes(key)), attribute(peerAttribute.flags, u32(peerFlag.remove))]);
  const peers = [...removals, ...put.map(peerAttributes)].map((attributes) => attribute(nested, Buffer.concat(attributes)));
  return Buffer.concat([
    attribute(deviceAttribute.name, Buffer.from(`${name}\0`)),
    ...(privateKey === undefined ? [] : [attribute(deviceAttribute.privateKey, keyBytes(privateKey))]),
    ...(port === undefined ? [] : [attribute(deviceAttribute.port, u16(port))]),
    ...(peers.length === 0 ? [] : [attribute(deviceAttribute.peers | nested, Buffer.concat(peers))]),
  ]);
}

function peerAttributes({ publicKey, endpoint, address }: WirePeer): Buffer[] {
  const allowedIp = Buffer.concat([
    attribute(allowedIpAttribute.family, u16(addressFamily.inet)),
    attribute(allowedIpAttribute.address, addressBytes(address)),
    attribute(allowedIpAttribute.maskLength, Buffer.from([32])),
  ]);
  return [
    attribute(peerAttribute.publicKey, keyBytes(publicKey)),
    attribute(peerAttribute.flags, u32(peerFlag.replaceAllowedIps)),
    attribute(peerAttribute.endpoint, socketAddress(endpoint)),
    attribute(peerAttribute.keepalive, u16(keepaliveSeconds)),
    attribute(peerAttribute.allowedIps | nested, attribute(nested, allowedIp)),
  ];
}

/** One device may come in several messages, each with more peers; one peer's allowed addresses too, of which ours has one. */
export function parseDevice(messages: readonly Buffer[]): WireStatus {
  const status = { privateKey: '', port: 0, peers: [] as WirePeer[], handshakes: new Map<string, number>() };
  for (const message of messages) {
    const attributes = readAttributes(message.subarray(4));
    status.privateKey ||= attributes.get(deviceAttribute.privateKey)?.toString('base64') ?? '';
    status.port ||= attributes.get(deviceAttribute.port)?.readUInt16LE(0) ?? 0;
    for (const peer of listAttributes(attributes.get(deviceAttribute.peers) ?? Buffer.alloc(0)).map(readAttributes)) {
      const publicKey = peer.get(peerAttribute.publicKey)!.toString('base64');
      const shookHandsAt = Number(peer.get(peerAttribute.lastHandshake)?.readBigInt64LE(0) ?? 0n);
      if (shookHandsAt > 0) status.handshakes.set(publicKey, shookHandsAt);
      const [allowedIp] = listAttributes(peer.get(peerAttribute.allowedIps) ?? Buffer.alloc(0)).map(readAttributes);
      const address = allowedIp?.get(allowedIpAttribute.address);
      status.peers.push({ publicKey, endpoint: readSocketAddress(peer.get(peerAttribute.endpoint)), address: address ? formatAddress(address) : '' });
    }
  }
  return status;
}

/** struct sockaddr_in, struct sockaddr_in6. */
function socketAddress({ address, port }: WirePeer['endpoint']): Buffer {
  const bytes = addressBytes(address);
  const isIpv4 = bytes.length === 4;
  const result = Buffer.alloc(isIpv4 ? 16 : 28);
  result.writeUInt16LE(isIpv4 ? addressFamily.inet : addressFamily.inet6, 0);
  result.writeUInt16BE(port, 2);
  bytes.copy(result, isIpv4 ? 4 : 8);
  return result;
}

function readSocketAddress(bytes: Buffer | undefined): WirePeer['endpoint'] {
  if (!bytes) return { address: '', port: 0 };
  const address = bytes.readUInt16LE(0) === addressFamily.inet ? bytes.subarray(4, 8) : bytes.subarray(8, 24);
  return { address: formatAddress(address), port: bytes.readUInt16BE(2) };
}

function genericHeader(name: number): Buffer {
  const version = 1;
  return Buffer.from([name, version, 0, 0]);
}

function keyBytes(base64: string): Buffer {
  return Buffer.from(base64, 'base64');
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
