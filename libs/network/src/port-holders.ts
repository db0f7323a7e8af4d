import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { Refused } from '../../base/src/index.js';
import type { Protocol } from '../../model/src/index.js';
import { formatAddress } from './addresses.js';
import type { ClaimedPort, LocalContainer, NodeNetworkView } from './network.js';

/** `holder`: such as `nginx (pid 12)`. */
interface HeldPort extends ClaimedPort {
  holder: string;
}

interface Listener {
  protocol: Protocol;
  address: string;
  port: number;
  inode: string;
}

interface WantedPort extends ClaimedPort {
  hostIps?: readonly string[];
}

/** Those of the ports that processes of this network namespace listen at, but for this process. */
function heldPorts(wanted: readonly WantedPort[]): HeldPort[] {
  if (wanted.length === 0) return [];
  const found = listeners().flatMap((listener) => {
    const isWanted = wanted.some((port) => port.protocol === listener.protocol && port.port === listener.port && meet(port, listener.address));
    return isWanted ? [listener] : [];
  });
  if (found.length === 0) return [];
  const holders = holdersOf(new Set(found.map(({ inode }) => inode)));
  return found.flatMap(({ protocol, port, inode }) => {
    const holder = holders.get(inode);
    return holder?.isOurs ? [] : [{ protocol, port, holder: holder?.name ?? 'a process of the host' }];
  });
}

/** Who published first keeps a port: processes are asked only about ports that this node does not publish yet. */
export class PortClaims {
  #ours = new Set<string>();
  #told = new Set<string>();
  /** The same list until it changes. */
  #held: readonly HeldPort[] = [];

  /** `taken` hears of each port once for as long as it is held. */
  constructor(private readonly taken: (held: HeldPort) => void) {}

  /** What is held now: `8080/tcp by nginx (pid 12)`. */
  get heldByOthers(): string[] {
    return this.#held.map((held) => `${keyOf(held)} by ${held.holder}`);
  }

  /** The view with the ports that this node must leave to others. */
  claim(view: NodeNetworkView): NodeNetworkView {
    const wanted = wantedPorts(view);
    const held = heldPorts(wanted.filter((port) => !this.#ours.has(keyOf(port))));
    const isHeld = new Set(held.map(keyOf));
    this.#ours = new Set(wanted.map(keyOf).filter((key) => !isHeld.has(key)));
    for (const one of held) if (!this.#told.has(keyOf(one))) this.taken(one);
    if (held.length !== this.#told.size || held.some((one) => !this.#told.has(keyOf(one)))) this.#held = held;
    this.#told = isHeld;
    return this.#held.length > 0 ? { ...view, heldPorts: this.#held } : view;
  }
}

function keyOf({ protocol, port }: { protocol: Protocol; port: number }): string {
  return `${port}/${protocol}`;
}

/** What a service publishes on every node, as it must be free here. */
function wantedPorts({ services }: NodeNetworkView): WantedPort[] {
  return services.flatMap((service) => service.ports.map(({ protocol, publishedPort, hostIps }) => ({ protocol, port: publishedPort, ...(hostIps && { hostIps }) })));
}

/** `Refused` when a process listens where the container's `mode: host` ports shall be. */
export function refuseHeldPorts({ hostPorts }: LocalContainer): void {
  const wanted = hostPorts.flatMap(({ protocol = 'tcp', publishedPort, traffic }) => (publishedPort ? [{ protocol, port: publishedPort, ...(traffic?.hostIps && { hostIps: traffic.hostIps }) }] : []));
  const [held] = heldPorts(wanted);
  if (held) throw new Refused('precondition', `port ${held.port}/${held.protocol} of this node is in use by ${held.holder}`);
}

function meet({ hostIps }: WantedPort, address: string): boolean {
  return !hostIps || address === '0.0.0.0' || address === '::' || hostIps.includes(address);
}

/** proc_net_tcp: `sl local_address rem_address st … inode`; 0A is LISTEN, 07 a datagram socket without a peer. */
function listeners(): Listener[] {
  const files = [['tcp', 'tcp', '0A'], ['tcp6', 'tcp', '0A'], ['udp', 'udp', '07'], ['udp6', 'udp', '07']] as const;
  return files.flatMap(([file, protocol, state]) => {
    const lines = read(`/proc/net/${file}`).split('\n').slice(1);
    return lines.flatMap((line): Listener[] => {
      const fields = line.trim().split(/\s+/);
      const [place, found, inode] = [fields[1], fields[3], fields[9]];
      if (!place || found !== state || !inode) return [];
      const [address = '', port = ''] = place.split(':');
      return [{ protocol, address: addressOf(address), port: Number.parseInt(port, 16), inode }];
    });
  });
}

/** Words of four bytes in the order of the machine, which is a little-endian one. */
function addressOf(text: string): string {
  const bytes = Buffer.from(text, 'hex');
  return formatAddress(bytes.swap32());
}

function holdersOf(inodes: ReadonlySet<string>): Map<string, { name: string; isOurs: boolean }> {
  const holders = new Map<string, { name: string; isOurs: boolean }>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const link of links(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
      if (inode && inodes.has(inode)) holders.set(inode, { name: `${read(`/proc/${pid}/comm`).trim()} (pid ${pid})`, isOurs: pid === String(process.pid) });
    }
  }
  return holders;
}

/** Empty for a process that has just ended. */
function links(folder: string): string[] {
  try {
    return readdirSync(folder).flatMap((name) => {
      try {
        return [readlinkSync(`${folder}/${name}`)];
      } catch {
        return []; // closed meanwhile
      }
    });
  } catch {
    return [];
  }
}

/** Empty where it is not: a kernel without IPv6, or a process that has just ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
