import type { NetworkFacts, PeerProbe } from '../../../../libs/model/src/index.js';

/** What one node told, or why it could not. */
export interface NodeAnswer {
  id: string;
  name: string;
  facts?: NetworkFacts;
  error?: string;
}

export interface NetworkCheck {
  nodes: { name: string; mtu?: number; drift: Record<string, number>; error?: string }[];
  pairs: PairCheck[];
  /** What is wrong, and what to do about it. Empty: all is well. */
  problems: string[];
}

/** The way from one node to another, by one family of the overlay. */
export interface PairCheck {
  from: string;
  to: string;
  family: 4 | 6;
  reachable: boolean;
  /** Packets of a container's full size arrive. */
  fullSize: boolean;
  /** Of small and full packets together, 0 to 1. */
  loss: number;
  /** There and back, small packets; 0 when unreachable. */
  latencyMs: number;
}

export function checkNetwork(answers: readonly NodeAnswer[]): NetworkCheck {
  const names = new Map(answers.map(({ id, name }) => [id, name]));
  const pairs = answers.flatMap(({ name, facts }) => (facts?.probes ?? []).flatMap((probe) => pairOf(name, names.get(probe.nodeId), probe)));
  return {
    nodes: answers.map(({ name, facts, error }) => ({ name, ...(facts && { mtu: facts.mtu }), drift: facts?.drift ?? {}, ...(error !== undefined && { error }) })),
    pairs,
    problems: [...answers.flatMap(({ name, error }) => (error === undefined ? [] : [`${name} did not answer: ${error}`])), ...wayProblems(pairs), ...sizeProblems(pairs, answers), ...lossProblems(pairs)],
  };
}

/** Nothing of a node that is no member any more. */
function pairOf(from: string, to: string | undefined, { family, small, full }: PeerProbe): PairCheck[] {
  if (to === undefined) return [];
  const sent = small.sent + full.sent;
  const fullSize = full.received > 0;
  // What a path does not let through is no loss: it is told as such.
  const [counted, arrived] = fullSize ? [sent, small.received + full.received] : [small.sent, small.received];
  return [{ from, to, family, reachable: small.received > 0, fullSize, loss: counted === 0 ? 1 : 1 - arrived / counted, latencyMs: small.meanMs }];
}

/** A node that nobody reaches and that reaches nobody is named alone: it is the one to look at. */
function wayProblems(pairs: readonly PairCheck[]): string[] {
  const broken = pairs.filter(({ reachable }) => !reachable);
  const culprits = soleNodes(pairs, broken);
  const rest = broken.filter(({ from, to }) => !culprits.includes(from) && !culprits.includes(to));
  const advice = 'allow UDP port 4789 between the nodes’ data path addresses, in both directions (host firewall, security group), and look whether another VXLAN uses the port';
  return [...culprits.map((name) => `${name} exchanges no packets with any other node: ${advice}`), ...pairNames(rest).map((pair) => `${pair} do not reach each other: ${advice}`)];
}

function sizeProblems(pairs: readonly PairCheck[], answers: readonly NodeAnswer[]): string[] {
  const reached = pairs.filter(({ reachable }) => reachable);
  const broken = reached.filter(({ fullSize }) => !fullSize);
  const culprits = soleNodes(reached, broken);
  const rest = broken.filter(({ from, to }) => !culprits.includes(from) && !culprits.includes(to));
  const mtu = (name: string) => answers.find((answer) => answer.name === name)?.facts?.mtu ?? 0;
  const advice = 'some link between carries less than the MTU of the data path interface: raise its MTU, or lower that of the interface on every node';
  return [
    ...culprits.map((name) => `${name} exchanges small packets, but none of ${mtu(name)} bytes: ${advice}`),
    ...pairNames(rest).map((pair) => `${pair} exchange small packets, but none of full size: ${advice}`),
  ];
}

const tolerableLoss = 0.1;

function lossProblems(pairs: readonly PairCheck[]): string[] {
  const lossy = pairs.filter(({ reachable, loss }) => reachable && loss > tolerableLoss);
  return pairNames(lossy).map((pair) => {
    const worst = Math.max(...lossy.filter(({ from, to }) => pairName(from, to) === pair).map(({ loss }) => loss));
    return `${pair} lose ${Math.round(worst * 100)} % of their packets: look at the links and the load of both`;
  });
}

/** Nodes whose every pair is among the broken ones, where that tells them from the others. */
function soleNodes(pairs: readonly PairCheck[], broken: readonly PairCheck[]): string[] {
  const names = [...new Set(pairs.flatMap(({ from, to }) => [from, to]))];
  const touches = (name: string) => (pair: PairCheck) => pair.from === name || pair.to === name;
  const alone = names.filter((name) => pairs.some(touches(name)) && pairs.filter(touches(name)).every((pair) => broken.includes(pair)));
  return names.length > 2 && alone.length < names.length - 1 ? alone : [];
}

function pairNames(pairs: readonly PairCheck[]): string[] {
  return [...new Set(pairs.map(({ from, to }) => pairName(from, to)))];
}

function pairName(from: string, to: string): string {
  return from < to ? `${from} and ${to}` : `${to} and ${from}`;
}
