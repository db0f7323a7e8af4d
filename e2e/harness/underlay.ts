import { must, run } from './run.js';

/**
 * The network that the hosts of one cluster share: a bridge in a namespace of its own (in the machine's namespace its
 * firewall would see, and might drop, bridged frames), one link per host, and one into the machine's namespace so that
 * a person can reach the published ports. No host has a route to anywhere else.
 */
export interface Underlay {
  /** Prefix of everything it makes; at most 8 characters, since link names end at 15. */
  name: string;
  /** First three bytes of its /24, e.g. `172.30.77`. */
  prefix: string;
}

/** The IPv6 address that a host has beside its IPv4 one: `172.30.77.11` → `fdac:1e4d::11`. */
export function ipv6Beside(address: string): string {
  const bytes = address.split('.');
  const [a, b, c] = bytes.map((byte) => Number(byte).toString(16).padStart(2, '0'));
  return `fd${a}:${b}${c}::${bytes[3]}`;
}

const bridge = 'br0';
/** Host number of the machine itself. */
const machine = 254;

export async function createUnderlay(underlay: Underlay): Promise<void> {
  const switchNs = switchNamespace(underlay);
  await must(['ip', 'netns', 'add', switchNs]);
  await must(['ip', '-n', switchNs, 'link', 'add', bridge, 'type', 'bridge']);
  await must(['ip', '-n', switchNs, 'link', 'set', bridge, 'up']);
  await plug(underlay, `${underlay.name}-up`, `${underlay.prefix}.${machine}`);
}

/** A host's namespace on the network, with its address. */
export async function addHost(underlay: Underlay, host: string, address: string): Promise<void> {
  const namespace = hostNamespace(underlay, host);
  await must(['ip', 'netns', 'add', namespace]);
  await must(['ip', '-n', namespace, 'link', 'set', 'lo', 'up']);
  await plug(underlay, 'eth0', address, namespace, host);
}

/** Cuts or mends the link of a host, both ways. */
export async function setLink(underlay: Underlay, host: string, state: 'up' | 'down'): Promise<void> {
  await must(['ip', '-n', switchNamespace(underlay), 'link', 'set', portOf(host), state]);
}

/** Removes all of it; what is already gone is fine. */
export async function destroyUnderlay(underlay: Underlay): Promise<void> {
  const listed = (await must(['ip', 'netns', 'list'])).split('\n').map((line) => line.split(' ')[0]!);
  for (const namespace of listed) {
    if (namespace.startsWith(`${underlay.name}-`)) await run(['ip', 'netns', 'del', namespace]);
  }
  await run(['ip', 'link', 'del', `${underlay.name}-up`]);
}

export function hostNamespace(underlay: Underlay, host: string): string {
  return `${underlay.name}-${host}`;
}

async function plug(underlay: Underlay, link: string, address: string, namespace?: string, host = 'machine'): Promise<void> {
  const switchNs = switchNamespace(underlay);
  const port = portOf(host);
  await must(['ip', '-n', switchNs, 'link', 'add', port, 'type', 'veth', 'peer', 'name', link, 'netns', namespace ?? '1']);
  const inside = namespace ? ['ip', '-n', namespace] : ['ip'];
  await must([...inside, 'addr', 'add', `${address}/24`, 'dev', link]);
  await must([...inside, '-6', 'addr', 'add', `${ipv6Beside(address)}/64`, 'dev', link, 'nodad']);
  await must([...inside, 'link', 'set', link, 'up']);
  await must(['ip', '-n', switchNs, 'link', 'set', port, 'master', bridge, 'up']);
}

function switchNamespace(underlay: Underlay): string {
  return `${underlay.name}-switch`;
}

function portOf(host: string): string {
  return `p-${host}`.slice(0, 15);
}
