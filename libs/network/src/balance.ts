import type { AssignedService, Balancing } from '../../model/src/index.js';
import type { Family } from './addresses.js';
import { protocolWord, type NftChain, type NftSet } from './nft-table.js';

/** Where a new connection may go. */
export interface Target {
  address: string;
  /** Absent: the port that was asked for. */
  port?: number;
  weight?: number; // absent: 1
  isLocal: boolean;
}

/** What a chain is for. */
export interface Balanced extends Balancing {
  family: Family;
  /** Of a published port; nft wants it known where a port is translated. */
  protocol?: number;
}

export interface BalancedChains {
  chains: NftChain[];
  sets: NftSet[];
}

/** Endpoints that take new connections. */
export function ready(service: AssignedService): AssignedService['endpoints'] {
  return service.endpoints.filter((endpoint) => endpoint.state === 'ready' && endpoint.weight !== 0);
}

/**
 * The chain that sends a new connection to one of the targets, and what it needs. `before`: rules that it must pass first.
 * Without a target it sends it nowhere, and the address that was asked for is as unreachable as an unknown one.
 */
export function balance(chain: string, candidates: readonly Target[], what: Balanced, before: string[] = []): BalancedChains {
  const { locality, affinity, family } = what;
  const targets = within(candidates, locality);
  if (affinity?.timeoutSeconds && targets.length > 1) return balanceWithMemory(chain, targets, affinity.timeoutSeconds, what, before);
  const pick = affinity ? clientHash(targets, family) : random(targets);
  return { chains: [{ name: chain, rules: [...before, ...translation(targets, pick, what)] }], sets: [] };
}

function within(targets: readonly Target[], locality: Balancing['locality']): readonly Target[] {
  const near = targets.filter((target) => target.isLocal);
  if (locality === 'local-only' || (locality === 'prefer-local' && near.length > 0)) return near;
  return targets;
}

/** One expression, and for each of its values which target is meant. */
interface Pick {
  expression: string;
  /** Ranges of values by target, ascending. */
  ranges: { first: number; last: number; target: Target }[];
}

/**
 * While the kernel goes over to changed rules, a packet that is on its way through the old ones finds their unnamed maps empty: it
 * would leave untranslated and be refused. For it there is a last rule without a map.
 */
function translation(targets: readonly Target[], pick: Pick, { family, protocol }: Balanced): string[] {
  const [first] = targets;
  if (!first) return [];
  const guard = protocol === undefined ? '' : `meta l4proto ${protocol} `;
  const ip = protocolWord[family];
  const single = `${guard}dnat ${ip} to ${place(first, family)}`;
  if (targets.length === 1) return [single];
  const withPorts = first.port !== undefined;
  const slots = pick.ranges.map((range) => `${values(range)} : ${withPorts ? `${range.target.address} . ${range.target.port}` : range.target.address}`);
  return [`${guard}dnat ${ip} ${withPorts ? 'addr . port ' : ''}to ${pick.expression} map { ${slots.join(', ')} }`, single];
}

function place({ address, port }: Target, family: Family): string {
  if (port === undefined) return address;
  return family === 4 ? `${address}:${port}` : `[${address}]:${port}`;
}

/** Random, not in turn: every node would start its turn at the same endpoint, and again with every change. */
function random(targets: readonly Target[]): Pick {
  const ranges: Pick['ranges'] = [];
  let next = 0;
  for (const target of targets) {
    const weight = isWeighted(targets) ? (target.weight ?? 1) : 1;
    ranges.push({ first: next, last: next + weight - 1, target });
    next += weight;
  }
  return { expression: `numgen random mod ${next}`, ranges };
}

function isWeighted(targets: readonly Target[]): boolean {
  return targets.some(({ weight = 1 }) => weight !== (targets[0]!.weight ?? 1));
}

const hashSlots = 256;

/** The slots of a hash of the client go to the targets by rendezvous: one that comes or goes moves its own share of the clients only. */
function clientHash(targets: readonly Target[], family: Family): Pick {
  const seeds = targets.map((target) => textHash(`${target.address} ${target.port ?? ''}`));
  const ranges: Pick['ranges'] = [];
  for (let slot = 0; slot < hashSlots && targets.length > 0; slot++) {
    const scores = targets.map(({ weight = 1 }, index) => -weight / Math.log(uniform(seeds[index]! ^ Math.imul(slot + 1, 0x9e3779b1))));
    const target = targets[scores.indexOf(Math.max(...scores))]!;
    const last = ranges.at(-1);
    if (last?.target === target) last.last = slot;
    else ranges.push({ first: slot, last: slot, target });
  }
  return { expression: `jhash ${protocolWord[family]} saddr mod ${hashSlots} seed 0x5eed`, ranges };
}

/** Each target remembers its clients for a time since their last new connection. Memory of a target goes with it. */
function balanceWithMemory(chain: string, targets: readonly Target[], timeoutSeconds: number, what: Balanced, before: string[]): BalancedChains {
  const { family } = what;
  const client = `${protocolWord[family]} saddr`;
  const names = new Map(targets.map((target) => [target, `${chain}_to_${`${target.address}_${target.port ?? ''}`.replaceAll(/[.:]/g, '_').replace(/_$/, '')}`]));
  const nameOf = (target: Target) => names.get(target)!;
  const pick = random(targets);
  const known = targets.map((target) => `${client} @${nameOf(target)} goto ${nameOf(target)}`);
  const fresh = `${pick.expression} vmap { ${pick.ranges.map((range) => `${values(range)} : goto ${nameOf(range.target)}`).join(', ')} }`;
  return {
    chains: [
      { name: chain, rules: [...before, ...known, fresh, `goto ${nameOf(targets[0]!)}`] },
      ...targets.map((target): NftChain => ({ name: nameOf(target), rules: [`update @${nameOf(target)} { ${client} }`, ...translation([target], pick, what)] })),
    ],
    sets: targets.map((target): NftSet => ({
      kind: 'set',
      name: nameOf(target),
      spec: `type ipv${family}_addr; size ${maxClients}; flags dynamic,timeout; timeout ${timeoutSeconds}s;`,
      elements: new Map(),
    })),
  };
}

/** Whom one endpoint remembers at most; beyond it new clients are spread anew each time. */
const maxClients = 65536;

function values({ first, last }: { first: number; last: number }): string {
  return first === last ? String(first) : `${first}-${last}`;
}

/** FNV-1a. */
function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** Between 0 and 1, both excluded. The finalizer of MurmurHash3. */
function uniform(seed: number): number {
  let hash = seed ^ (seed >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 1) / 0x1_0000_0002;
}
