import { addressBytes, familyOf, formatAddress } from './addresses.js';
import { inNamespace } from './namespaces.js';
import { attribute, Netlink, netlinkProtocol, readAttributes, type NetlinkMessage } from './netlink.js';
import { addressFamily, errnos } from './syscalls.js';

/** Tracked connections that are to be forgotten: of an endpoint, or (`udp`) to a port that they asked. */
export type Connections = { endpoint: string } | { datagramPort: number };

/**
 * Forgets tracked connections of a namespace, or of the process' own; there may be none.
 *
 * Closed ones stay. They hurt nobody, and a client may begin a new connection from the same port while the list is worked off:
 * the kernel would take that for the old one, even by its id, and the new connection would be cut off in the middle.
 */
export function forgetConnections(which: readonly Connections[], namespaceFd?: number): void {
  if (which.length === 0) return;
  const open = (): Netlink => new Netlink(netlinkProtocol.netfilter);
  const netlink = namespaceFd === undefined ? open() : inNamespace(namespaceFd, open);
  try {
    for (const selection of selectionsOf(which)) netlink.request(tracked(netlink, selection).map((found) => forgetting(selection.family, found)));
  } finally {
    netlink.close();
  }
}

/** NFNL_SUBSYS_CTNETLINK with IPCTNL_MSG_CT_GET, IPCTNL_MSG_CT_DELETE. */
const message = { get: (1 << 8) | 1, delete: (1 << 8) | 2 } as const;

/** Attributes of linux/netfilter/nfnetlink_conntrack.h. */
const connection = { original: 1, reply: 2, protocolInfo: 4, id: 12, zone: 18, filter: 25 } as const;
const tuple = { ip: 1, protocol: 2 } as const;
const ip = { source4: 1, source6: 3 } as const;
const protocol = { number: 1, destinationPort: 3 } as const;
const filterOf = { original: 1, reply: 2 } as const;
const filterBy = { source: 1, protocolNumber: 8, destinationPort: 32 } as const;
const nested = 0x8000;
const tcpInfo = 1;
const tcpInfoState = 1;
/** enum tcp_conntrack of linux/netfilter/nf_conntrack_tcp.h. */
const tcpClosed: readonly (number | undefined)[] = [7, 8]; // TIME_WAIT, CLOSE
const udp = 17;

/** What one walk through the kernel's table is to find. */
interface Selection {
  family: number;
  /** For the kernel; one that is too old for it (before 5.8) lists all, so each is looked at again. */
  filter: Buffer[];
  isMeant(found: Map<number, Buffer>): boolean;
}

/** A walk takes milliseconds, however little it finds, and the kernel's filter knows one address only: several endpoints share a walk without it. */
function selectionsOf(which: readonly Connections[]): Selection[] {
  const endpoints = which.flatMap((one) => ('endpoint' in one ? [one.endpoint] : []));
  const ports = which.flatMap((one) => ('datagramPort' in one ? [one.datagramPort] : []));
  return [addressFamily.inet, addressFamily.inet6].flatMap((family): Selection[] => {
    const gone = new Set(endpoints.filter((address) => (familyOf(address) === 4) === (family === addressFamily.inet)));
    const ofEndpoints: Selection = {
      family,
      filter: gone.size === 1 ? endpointFilter([...gone][0]!) : [],
      isMeant: (found) => gone.has(sourceOf(found.get(connection.reply)) ?? ''),
    };
    const ofPorts = ports.map((port): Selection => ({ family, filter: portFilter(port), isMeant: (found) => datagramPortOf(found.get(connection.original)) === port }));
    return [...(gone.size > 0 ? [ofEndpoints] : []), ...ofPorts];
  });
}

function tracked(netlink: Netlink, { family, filter, isMeant }: Selection): Map<number, Buffer>[] {
  return netlink
    .dump(message.get, Buffer.concat([header(family), ...filter]))
    .map((found) => readAttributes(found.subarray(4)))
    .filter((found) => !tcpClosed.includes(tcpStateOf(found)))
    .filter(isMeant);
}

function endpointFilter(endpoint: string): Buffer[] {
  const type = familyOf(endpoint) === 4 ? ip.source4 : ip.source6;
  const source = attribute(nested | tuple.ip, attribute(type, addressBytes(endpoint)));
  return [attribute(nested | connection.reply, source), attribute(nested | connection.filter, attribute(filterOf.reply, word(filterBy.source)))];
}

function portFilter(port: number): Buffer[] {
  const asked = attribute(nested | tuple.protocol, Buffer.concat([attribute(protocol.number, Buffer.from([udp])), attribute(protocol.destinationPort, bigEndian(port))]));
  const flags = filterBy.protocolNumber | filterBy.destinationPort;
  return [attribute(nested | connection.original, asked), attribute(nested | connection.filter, attribute(filterOf.original, word(flags)))];
}

/** One that has ended meanwhile is as good as forgotten. */
function forgetting(family: number, found: Map<number, Buffer>): NetlinkMessage {
  const zone = found.get(connection.zone);
  const body = Buffer.concat([
    header(family),
    attribute(nested | connection.original, found.get(connection.original)!), // without it all would be forgotten
    attribute(connection.id, found.get(connection.id)!),
    ...(zone ? [attribute(connection.zone, zone)] : []),
  ]);
  return { type: message.delete, flags: 0, body, what: 'forget a connection', accept: [errnos['ENOENT']!] };
}

function tcpStateOf(found: Map<number, Buffer>): number | undefined {
  return inside(inside(found.get(connection.protocolInfo)).get(tcpInfo)).get(tcpInfoState)?.readUInt8(0);
}

function sourceOf(found: Buffer | undefined): string | undefined {
  const addresses = inside(inside(found).get(tuple.ip));
  const source = addresses.get(ip.source4) ?? addresses.get(ip.source6);
  return source && formatAddress(source);
}

function datagramPortOf(found: Buffer | undefined): number | undefined {
  const values = inside(inside(found).get(tuple.protocol));
  return values.get(protocol.number)?.readUInt8(0) === udp ? values.get(protocol.destinationPort)?.readUInt16BE(0) : undefined;
}

function inside(nest: Buffer | undefined): Map<number, Buffer> {
  return readAttributes(nest ?? Buffer.alloc(0));
}

/** struct nfgenmsg */
function header(family: number): Buffer {
  return Buffer.from([family, 0, 0, 0]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function bigEndian(port: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(port);
  return bytes;
}
