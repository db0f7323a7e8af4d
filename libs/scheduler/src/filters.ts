import { normalArchitecture, satisfiesAll, type PortConfig, type TaskTemplate } from '../../model/src/index.js';
import { countGeneric, portKey, type NodeInfo } from './node-info.js';

/** What tasks of one group want of a node. */
export interface Demand {
  template: TaskTemplate;
  hostPorts: readonly PortConfig[];
  /** How many tasks of the service each node has; nodes without any are not in it. */
  tasksOn: ReadonlyMap<NodeInfo, number>;
}

/** One reason why a node may not take a task. Words are Swarm's where it has some. */
export interface Filter {
  name: string;
  accepts(demand: Demand, info: NodeInfo): boolean;
  /** `insufficient resources on 2 nodes` */
  explain(count: number): string;
  /** The numbers behind it, of the nodes that it refused. */
  detail?(demand: Demand, refused: readonly NodeInfo[]): string | undefined;
}

/** In this order: a refused node is counted by the first filter that refuses it. What never changes during a pass comes first. */
export const filters: readonly Filter[] = [
  {
    name: 'ready',
    accepts: (_, { node }) => node.status.state === 'ready',
    explain: (count) => `${nodes(count)} not ready`,
  },
  {
    name: 'active',
    accepts: (_, { node }) => node.spec.availability === 'active',
    explain: (count) => `${nodes(count)} not available for new tasks`,
  },
  {
    name: 'platform',
    accepts: ({ template }, info) => runsOn(template, info),
    explain: (count) => `unsupported platform on ${nodes(count)}`,
    detail: ({ template }) => `image is for ${template.placement?.platforms.map(({ os, architecture }) => `${os ?? 'any'}/${architecture ?? 'any'}`).join(', ')}`,
  },
  {
    name: 'constraints',
    accepts: ({ template }, { node }) => satisfiesAll(node, template.placement?.constraints ?? []),
    explain: (count) => `scheduling constraints not satisfied on ${nodes(count)}`,
    detail: ({ template }) => `wants ${template.placement?.constraints.join(' and ')}`,
  },
  {
    name: 'resources',
    accepts: hasResources,
    explain: (count) => `insufficient resources on ${nodes(count)}`,
    detail: resourceDetail,
  },
  {
    name: 'host ports',
    accepts: ({ hostPorts }, info) => hostPorts.every((port) => !port.publishedPort || !info.hasHostPort(portKey(port.protocol, port.publishedPort))),
    explain: (count) => `host-mode port already in use on ${nodes(count)}`,
    detail: ({ hostPorts }) => `wants ${hostPorts.map((port) => `${port.publishedPort || 'any'}/${port.protocol ?? 'tcp'}`).join(', ')}`,
  },
  {
    name: 'max replicas',
    accepts: ({ template, tasksOn }, info) => !template.placement?.maxReplicas || (tasksOn.get(info) ?? 0) < template.placement.maxReplicas,
    explain: (count) => `max replicas per node limit exceed on ${nodes(count)}`,
    detail: ({ template }) => `at most ${template.placement?.maxReplicas} per node`,
  },
];

/** These four ask for what only a change of the node itself can change, and look at nothing but the template. */
export const lastingFilters = filters.slice(0, 4);
export const changingFilters = filters.slice(4);

/**
 * `no suitable node (insufficient resources on 2 nodes; 1 node not ready): needs 1.5 CPU, at most 0.7 free`:
 * Swarm's sentence, most frequent reason first, and then the numbers.
 */
export function explainRefusal(demand: Demand, infos: Iterable<NodeInfo>): string {
  const refused = new Map<Filter, NodeInfo[]>();
  for (const info of infos) {
    const filter = filters.find((candidate) => !candidate.accepts(demand, info));
    if (filter) refused.set(filter, [...(refused.get(filter) ?? []), info]);
  }
  if (refused.size === 0) return 'no suitable node';
  const byCount = [...refused].sort(([, a], [, b]) => b.length - a.length);
  const reasons = byCount.map(([filter, list]) => filter.explain(list.length)).join('; ');
  const details = byCount.flatMap(([filter, list]) => filter.detail?.(demand, list) ?? []).join('; ');
  return `no suitable node (${reasons})${details ? `: ${details}` : ''}`;
}

function nodes(count: number): string {
  return count === 1 ? '1 node' : `${count} nodes`;
}

/** Nodes without a description are refused by what they do not have. */
function runsOn(template: TaskTemplate, { node }: NodeInfo): boolean {
  const platforms = template.placement?.platforms ?? [];
  const description = node.status.description;
  if (platforms.length === 0 || !description) return true;
  return platforms.some(
    ({ os, architecture }) =>
      (!os || os.toLowerCase() === description.os.toLowerCase()) && (!architecture || normalArchitecture(architecture) === normalArchitecture(description.architecture)),
  );
}

function hasResources({ template }: Demand, info: NodeInfo): boolean {
  const reservations = template.resources?.reservations;
  if (!reservations) return true;
  return (
    (reservations.nanoCpus ?? 0) <= Math.max(0, info.freeNanoCpus) &&
    (reservations.memoryBytes ?? 0) <= Math.max(0, info.freeMemoryBytes) &&
    countGeneric(reservations.generic).every(({ kind, value }) => value <= info.freeGeneric(kind))
  );
}

function resourceDetail({ template }: Demand, refused: readonly NodeInfo[]): string | undefined {
  const reservations = template.resources?.reservations;
  if (!reservations) return undefined;
  const lacks: string[] = [];
  const cpus = reservations.nanoCpus ?? 0;
  if (refused.some((info) => cpus > Math.max(0, info.freeNanoCpus))) lacks.push(`${inCpus(cpus)} CPU, at most ${inCpus(most(refused, (info) => info.freeNanoCpus))} free`);
  const memory = reservations.memoryBytes ?? 0;
  if (refused.some((info) => memory > Math.max(0, info.freeMemoryBytes))) lacks.push(`${inMemory(memory)} memory, at most ${inMemory(most(refused, (info) => info.freeMemoryBytes))} free`);
  for (const { kind, value } of countGeneric(reservations.generic)) {
    const free = (info: NodeInfo) => info.freeGeneric(kind);
    if (refused.some((info) => value > free(info))) lacks.push(`${value} ${kind}, at most ${most(refused, free)} free`);
  }
  return `needs ${lacks.join(' and ')}`;
}

function most(infos: readonly NodeInfo[], free: (info: NodeInfo) => number): number {
  return infos.reduce((max, info) => Math.max(max, free(info)), 0);
}

function inCpus(nanoCpus: number): string {
  return String(Math.floor(nanoCpus / 1e7) / 100);
}

function inMemory(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let power = 0;
  while (power < units.length - 1 && bytes >= 1024 ** (power + 1)) power++;
  return `${Math.floor((bytes / 1024 ** power) * 10) / 10} ${units[power]}`;
}
