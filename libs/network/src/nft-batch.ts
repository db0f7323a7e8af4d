import { addressBytes } from './addresses.js';
import { attribute, netlinkFlag, type NetlinkMessage } from './netlink.js';
import { addressFamily } from './syscalls.js';

/**
 * The commonest transaction, another choice of endpoints for a chain, as messages of linux/netfilter/nf_tables.h: the kernel does
 * it in a tenth of the time that libnftables takes to read all rules first. `undefined`: the text says more than is known here.
 */
export function compileTransaction(text: string): NetlinkMessage[] | undefined {
  const messages: NetlinkMessage[] = [];
  for (const line of text.split('\n').filter(Boolean)) {
    const [, flushed, chain] = /^flush chain inet (\w+) (\w+)$/.exec(line) ?? [];
    if (flushed && chain) {
      messages.push({ type: message.deleteRule, flags: 0, body: body([named(rule.table, flushed), named(rule.chain, chain)]), what: line });
      continue;
    }
    const compiled = compileRule(line, messages.length);
    if (!compiled) return undefined;
    messages.push(...compiled);
  }
  return messages;
}

/** NFT_MSG_* with NFNL_SUBSYS_NFTABLES. */
const subsystem = 10 << 8;
const message = { newRule: subsystem | 6, deleteRule: subsystem | 8, newSet: subsystem | 9, newElements: subsystem | 12 } as const;

const create = netlinkFlag.create;
const append = 0x800;
const nested = 0x8000;
const inetFamily = 1;

const rule = { table: 1, chain: 2, expressions: 4 } as const;
const set = { table: 1, name: 2, flags: 3, keyType: 4, keyBytes: 5, dataType: 6, dataBytes: 7, description: 9, id: 10, userData: 13 } as const;
const elements = { table: 1, set: 2, list: 3, setId: 4 } as const;
const setFlag = { anonymous: 1, constant: 2, map: 8 } as const;
/** Numbers that nft(8) gives to its types; the kernel keeps them for its listing. */
const type = { integer: 4, ipv4: 7, ipv6: 8, port: 13 } as const;
const bitsPerType = 6;
/** Notes of nft(8) for its listing: in whose order the bytes of keys and values are (2: of the network), and of what the key is made. */
const userDataOfSlots = (valueOrder: 0 | 2) => Buffer.from([0, 4, 1, 0, 0, 0, 1, 4, valueOrder, 0, 0, 0, 6, 4, 0, 0, 0, 0]);
const register = 1;
/** The register of four bytes that follows an address in the first one. */
const registerBehind = { ip: 9, ip6: 12 } as const;

type Protocol = 'ip' | 'ip6';

function compileRule(line: string, before: number): NetlinkMessage[] | undefined {
  const found = /^add rule inet (\w+) (\w+) (?:meta l4proto (\d+) )?dnat (ip6?) (?:addr \. port )?to (.+)$/.exec(line);
  if (!found) return undefined;
  const [, table, chain, guard, protocol, target] = found as unknown as [string, string, string, string | undefined, Protocol, string];
  const sets: NetlinkMessage[] = [];
  /** Makes an unnamed set of this transaction; its id. */
  const addSet: AddSet = (name, flags, attributes, list) => {
    const id = before + sets.length + 1;
    sets.push(
      { type: message.newSet, flags: create, body: body([named(set.table, table), named(set.name, name), number(set.flags, flags), ...attributes(id)]), what: line },
      { type: message.newElements, flags: create, body: body([named(elements.table, table), named(elements.set, name), number(elements.setId, id), nest(elements.list, list)]), what: line },
    );
    return id;
  };
  const guards = guard ? guardOf(guard) : [];
  const translation = target.startsWith('numgen') ? choice(target, protocol, addSet) : single(target, protocol);
  if (!translation) return undefined;
  const expressions = nest(rule.expressions, [...guards, ...translation]);
  return [...sets, { type: message.newRule, flags: create | append, body: body([named(rule.table, table), named(rule.chain, chain), expressions]), what: line }];
}

type AddSet = (name: string, flags: number, attributes: (id: number) => Buffer[], list: Buffer[]) => number;

/** `meta l4proto 6` */
function guardOf(protocol: string): Buffer[] {
  const layer4Protocol = 16;
  const equal = 0;
  return [
    expression('meta', [number(2, layer4Protocol), number(1, register)]),
    expression('cmp', [number(1, register), number(2, equal), nest(3, [attribute(1, Buffer.from([Number(protocol)]))])]),
  ];
}

/** `numgen random mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }`, the values perhaps with ports. */
function choice(target: string, protocol: Protocol, addSet: AddSet): Buffer[] | undefined {
  const [, modulus, list] = /^numgen random mod (\d+) map \{ (.+) \}$/.exec(target) ?? [];
  const slots = list?.split(', ').map((slot) => /^(\d+) : ([0-9a-f.:]+)(?: \. (\d+))?$/.exec(slot));
  if (!modulus || !slots || slots.some((slot) => !slot)) return undefined;
  const places = slots.map((slot) => ({ slot: Number(slot![1]), address: addressBytes(slot![2]!), port: slot![3] }));
  const withPorts = places[0]!.port !== undefined;
  const addressType = protocol === 'ip' ? type.ipv4 : type.ipv6;
  const addressLength = places[0]!.address.length;
  const id = addSet(
    '__map%d',
    setFlag.anonymous | setFlag.constant | setFlag.map,
    (id) => [
      number(set.keyType, type.integer),
      number(set.keyBytes, 4),
      number(set.dataType, withPorts ? (addressType << bitsPerType) | type.port : addressType),
      number(set.dataBytes, addressLength + (withPorts ? 4 : 0)),
      number(set.id, id),
      nest(set.description, [number(1, places.length)]),
      attribute(set.userData, userDataOfSlots(withPorts ? 0 : 2)),
    ],
    places.map(({ slot, address, port }) => element(hostOrder(slot), port === undefined ? address : Buffer.concat([address, portBytes(port), Buffer.alloc(2)]))),
  );
  const random = 1;
  return [
    expression('numgen', [number(1, register), number(2, Number(modulus)), number(3, random), number(4, 0)]),
    expression('lookup', [number(2, register), number(3, register), named(1, '__map%d'), number(4, id)]),
    destination(protocol, withPorts ? [number(5, registerBehind[protocol])] : []),
  ];
}

/** An address, or `10.0.0.1:80`, `[fd00::1]:80`. */
function single(target: string, protocol: Protocol): Buffer[] | undefined {
  const [, bracketed, dotted, bare, port] = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)|([0-9a-f:]+))(?:(?<=\]|\.\d+):(\d+))?$/.exec(target) ?? [];
  const address = bracketed ?? dotted ?? bare;
  if (!address) return undefined;
  const portRegister = 2;
  const specified = 2; // NF_NAT_RANGE_PROTO_SPECIFIED
  return [
    immediate(register, addressBytes(address)),
    ...(port ? [immediate(portRegister, portBytes(port)), destination(protocol, [number(5, portRegister), number(7, specified)])] : [destination(protocol, [])]),
  ];
}

function destination(protocol: Protocol, more: Buffer[]): Buffer {
  const destinationNat = 1;
  return expression('nat', [number(1, destinationNat), number(2, protocol === 'ip' ? addressFamily.inet : addressFamily.inet6), number(3, register), ...more]);
}

function immediate(to: number, value: Buffer): Buffer {
  return expression('immediate', [number(1, to), nest(2, [attribute(1, value)])]);
}

function expression(name: string, attributes: Buffer[]): Buffer {
  return nest(1, [named(1, name), nest(2, attributes)]);
}

function element(key: Buffer, value?: Buffer): Buffer {
  return nest(1, [nest(1, [attribute(1, key)]), ...(value ? [nest(2, [attribute(1, value)])] : [])]);
}

/** struct nfgenmsg, and attributes. */
function body(attributes: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([inetFamily, 0, 0, 0]), ...attributes]);
}

function nest(kind: number, attributes: Buffer[]): Buffer {
  return attribute(kind | nested, Buffer.concat(attributes));
}

function named(kind: number, value: string): Buffer {
  return attribute(kind, Buffer.from(`${value}\0`));
}

function number(kind: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return attribute(kind, bytes);
}

function hostOrder(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function portBytes(port: string): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(Number(port));
  return bytes;
}
