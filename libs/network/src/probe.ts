import { closeSync } from 'node:fs';
import type { Clock, Random } from '../../base/src/index.js';
import type { AssignedPeer, PeerProbe, ProbeCount } from '../../model/src/index.js';
import { addressBytes, families, nodeMeshAddress, type Family } from './addresses.js';
import type { Mesh } from './mesh.js';
import { inNamespace } from './namespaces.js';
import { isErrno } from './netlink.js';
import { addressFamily, openSocket, receive, sendTo, setSocketOption, socketType } from './syscalls.js';

/** ICMP echo between the meshes: it takes the way of containers' packets, and the kernel at the other end answers it, whatever its agent does. */

const rounds = 5;
const roundMs = 100;
/** After the last was sent. */
const patienceMs = 800;
const pollMs = 1;

const protocolNumber: Record<Family, number> = { 4: 1, 6: 58 };
const echoRequest: Record<Family, number> = { 4: 8, 6: 128 };
const echoReply: Record<Family, number> = { 4: 0, 6: 129 };
const ipHeaderBytes: Record<Family, number> = { 4: 20, 6: 40 };
/** IP_MTU_DISCOVER and IPV6_MTU_DISCOVER, set to IP_PMTUDISC_PROBE: never split, whatever is known of the path. */
const neverSplit: Record<Family, [level: number, option: number, value: number]> = { 4: [0, 10, 3], 6: [41, 23, 3] };
const icmpHeaderBytes = 8;
const smallBytes = 64;

interface Sent {
  count: ProbeCount;
  sentAtMs: number;
}

/** Tries the way to each peer by both families, with small packets and with the longest. */
export async function probePeers(mesh: Mesh, peers: readonly AssignedPeer[], tools: { clock: Clock; random: Random; signal: AbortSignal }): Promise<PeerProbe[]> {
  const usable = mesh.hasIpv6 ? families : [4 as const];
  const probes = usable.flatMap((family) => peers.map((peer) => ({ index: peer.index, probe: newProbe(peer.nodeId, family) })));
  const sockets = new Map<Family, number>();
  try {
    for (const family of usable) sockets.set(family, openEchoSocket(mesh.namespaceFd, family));
    await exchange(probes, sockets, mesh.mtu, tools);
  } finally {
    for (const fd of sockets.values()) closeSync(fd);
  }
  return probes.map(({ probe }) => probe);
}

async function exchange(
  probes: readonly { index: number; probe: PeerProbe }[],
  sockets: ReadonlyMap<Family, number>,
  mtu: number,
  { clock, random, signal }: { clock: Clock; random: Random; signal: AbortSignal },
): Promise<void> {
  const id = random.below(0x10000);
  const waiting = new Map<number, Sent>();
  let sequence = 0;
  const sendOne = (index: number, { family }: PeerProbe, count: ProbeCount, bytes: number) => {
    count.sent++;
    waiting.set(++sequence, { count, sentAtMs: clock.monotonicMs() });
    trySending(sockets.get(family)!, nodeMeshAddress(index, family), echo(family, id, sequence, bytes - ipHeaderBytes[family]));
  };
  const beganMs = clock.monotonicMs();
  for (let round = 0; round < rounds; ) {
    if (clock.monotonicMs() >= beganMs + round * roundMs) {
      round++;
      for (const { index, probe } of probes) {
        sendOne(index, probe, probe.small, smallBytes);
        sendOne(index, probe, probe.full, mtu);
      }
    }
    collect(sockets, id, waiting, clock.monotonicMs());
    await clock.sleep(pollMs, signal);
  }
  const lastMs = clock.monotonicMs();
  while (waiting.size > 0 && clock.monotonicMs() < lastMs + patienceMs) {
    await clock.sleep(pollMs, signal);
    collect(sockets, id, waiting, clock.monotonicMs());
  }
}

/** A packet that this very host cannot send is one that is lost. */
function trySending(fd: number, address: string, packet: Buffer): void {
  try {
    sendTo(fd, packet, addressBytes(address));
  } catch (error) {
    if (!isErrno(error, 'EMSGSIZE', 'EHOSTUNREACH', 'ENETUNREACH', 'EPERM', 'ENOBUFS', 'EAGAIN', 'EINVAL')) throw error;
  }
}

function collect(sockets: ReadonlyMap<Family, number>, id: number, waiting: Map<number, Sent>, nowMs: number): void {
  const buffer = Buffer.alloc(0x10000);
  for (const [family, fd] of sockets) {
    for (let length = tryReceiving(fd, buffer); length !== undefined; length = tryReceiving(fd, buffer)) {
      const start = family === 4 ? (buffer[0]! & 0x0f) * 4 : 0; // IPv4 gives the header too
      if (length < start + icmpHeaderBytes || buffer[start] !== echoReply[family] || buffer.readUInt16BE(start + 4) !== id) continue;
      const sequence = buffer.readUInt16BE(start + 6);
      const sent = waiting.get(sequence);
      if (!sent) continue;
      waiting.delete(sequence);
      sent.count.meanMs = (sent.count.meanMs * sent.count.received + (nowMs - sent.sentAtMs)) / ++sent.count.received;
    }
  }
}

function tryReceiving(fd: number, into: Buffer): number | undefined {
  try {
    return receive(fd, into);
  } catch (error) {
    if (isErrno(error, 'EAGAIN')) return undefined;
    throw error;
  }
}

function openEchoSocket(namespaceFd: number, family: Family): number {
  const domain = family === 4 ? addressFamily.inet : addressFamily.inet6;
  const fd = inNamespace(namespaceFd, () => openSocket(domain, socketType.raw | socketType.nonBlock, protocolNumber[family]));
  setSocketOption(fd, ...neverSplit[family]);
  return fd;
}

/** Of IPv6 the kernel makes the checksum. */
function echo(family: Family, id: number, sequence: number, length: number): Buffer {
  const packet = Buffer.alloc(length);
  packet.writeUInt8(echoRequest[family], 0);
  packet.writeUInt16BE(id, 4);
  packet.writeUInt16BE(sequence, 6);
  if (family === 4) packet.writeUInt16BE(checksum(packet), 2);
  return packet;
}

/** RFC 1071. */
function checksum(packet: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < packet.length; at += 2) sum += packet.readUInt16BE(at);
  if (packet.length % 2 === 1) sum += packet.at(-1)! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function newProbe(nodeId: string, family: Family): PeerProbe {
  const none = (): ProbeCount => ({ sent: 0, received: 0, meanMs: 0 });
  return { nodeId, family, small: none(), full: none() };
}
