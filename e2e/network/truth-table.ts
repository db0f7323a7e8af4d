/**
 * Who reaches what, and as whom: what the cluster test asks and docs/networking.md shows (scripts/docs.mjs).
 *
 * A word per cell. Reached: whose address the task sees. Not reached: how the one who asks learns it.
 */
export const words = {
  own: 'reached; the task sees the address of the one who asks',
  tunnel: "reached; the task sees the address that the asker's node has on the tunnel (100.64.0.0/16; 100.65.0.0/16 from another node into an encrypted network)",
  gateway: 'reached; the task sees the gateway of its network',
  node: "reached; the task sees the address of the asker's node",
  refused: 'refused at once',
  silence: 'no answer',
  'no name': 'the name is unknown there',
} as const;

export type Word = keyof typeof words;

/** Where the asking is done. Every task runs on node 1. */
export const places = {
  itself: 'the task itself',
  near: 'container of the network, same node',
  far: 'container of the network, other node',
  foreign: 'container of another network, same node',
  node: 'node of the task',
  other: 'other node',
  outside: 'outside client',
} as const;

export type Place = keyof typeof places;

export const targets = {
  vip: 'service address',
  name: 'name of a dnsrr service',
  task: 'address of a task',
  published: "published port, task's node",
  publishedElsewhere: 'published port, other node',
  publishedLoopback: 'published port, loopback',
  namePublished: "published port of a dnsrr service, task's node",
  sealedPublished: "published port of an encrypted network, task's node",
  sealedPublishedElsewhere: 'published port of an encrypted network, other node',
  hostMode: "host-mode port, task's node",
  hostModeElsewhere: 'host-mode port, other node',
  hostModeLoopback: 'host-mode port, loopback',
  unpublished: "unpublished port, task's node",
  internalTask: 'address of a task in an internal network',
  internalPublished: "published port of an internal network, task's node",
} as const;

export type Target = keyof typeof targets;

/** `tcp4`, `udp6`, …: protocol and family. */
export const ways = ['tcp4', 'udp4', 'tcp6', 'udp6'] as const;

export type Way = (typeof ways)[number];

/** One word for all ways, or one per family or protocol. */
export type Cell = Word | Record<'v4' | 'v6', Word> | Record<'tcp' | 'udp', Word>;

/** No node forwards it: the node's kernel says that there is no way, which ends a connection but not a datagram's waiting. */
const stray: Cell = { tcp: 'refused', udp: 'silence' };
/** Nodes know each other by one address, here the IPv4 one; at any other they are the world outside, and see a node ask. */
const ownNode: Cell = { v4: 'tunnel', v6: 'refused' };
const otherNode: Cell = { v4: 'tunnel', v6: 'node' };

export const table: Record<Target, Record<Place, Cell>> = {
  vip: { itself: 'gateway', near: 'own', far: 'own', foreign: 'refused', node: 'refused', other: 'refused', outside: stray },
  name: { itself: 'own', near: 'own', far: 'own', foreign: 'no name', node: 'no name', other: 'no name', outside: 'no name' },
  task: { itself: 'own', near: 'own', far: 'own', foreign: 'refused', node: 'refused', other: 'refused', outside: stray },
  published: { itself: ownNode, near: ownNode, far: otherNode, foreign: ownNode, node: 'own', other: 'own', outside: 'own' },
  publishedElsewhere: { itself: otherNode, near: otherNode, far: ownNode, foreign: otherNode, node: 'own', other: 'own', outside: 'own' },
  publishedLoopback: { itself: 'refused', near: 'refused', far: 'refused', foreign: 'refused', node: 'tunnel', other: 'tunnel', outside: 'refused' },
  namePublished: { itself: ownNode, near: ownNode, far: otherNode, foreign: ownNode, node: 'own', other: 'own', outside: 'own' },
  sealedPublished: { itself: ownNode, near: ownNode, far: otherNode, foreign: ownNode, node: 'own', other: 'own', outside: 'own' },
  sealedPublishedElsewhere: { itself: otherNode, near: otherNode, far: ownNode, foreign: otherNode, node: 'own', other: 'own', outside: 'own' },
  hostMode: { itself: ownNode, near: ownNode, far: 'node', foreign: ownNode, node: 'own', other: 'own', outside: 'own' },
  hostModeElsewhere: { itself: 'refused', near: 'refused', far: 'refused', foreign: 'refused', node: 'refused', other: 'refused', outside: 'refused' },
  hostModeLoopback: { itself: 'refused', near: 'refused', far: 'refused', foreign: 'refused', node: 'tunnel', other: 'refused', outside: 'refused' },
  unpublished: { itself: 'refused', near: 'refused', far: 'refused', foreign: 'refused', node: 'refused', other: 'refused', outside: 'refused' },
  internalTask: { itself: 'refused', near: 'refused', far: 'refused', foreign: 'refused', node: 'refused', other: 'refused', outside: stray },
  internalPublished: { itself: ownNode, near: ownNode, far: otherNode, foreign: ownNode, node: 'own', other: 'own', outside: 'own' },
};

export function expected(target: Target, place: Place, way: Way): Word {
  const cell = table[target][place];
  if (typeof cell === 'string') return cell;
  if ('v4' in cell) return way.endsWith('4') ? cell.v4 : cell.v6;
  return way.startsWith('tcp') ? cell.tcp : cell.udp;
}
