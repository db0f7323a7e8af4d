import { normalArchitecture, satisfiesAll, unsatisfied, type PortConfig, type TaskTemplate } from '../../model/src/index.js';
import { isNearEnough, nearbyReason, type NearbyRule } from './nearby.js';
import { portKey, type NodeInfo } from './node-info.js';
import { hasResources, shortagesOn, shortagesOnAll } from './resources.js';
import { nodes } from './words.js';

/** What tasks of one group want of a node. */
export interface Demand {
  template: TaskTemplate;
  hostPorts: readonly PortConfig[];
  /** How many tasks of the service each node has; nodes without any are not in it. */
  tasksOn: ReadonlyMap<NodeInfo, number>;
  nearby: readonly NearbyRule[];
  /** Name of an encrypted network that they are in. */
  encryptedNetwork?: string;
}

/** One reason why a node may not take a task. Words are Swarm's where it has some. */
export interface Filter {
  name: string;
  /** For people: what it is there for. */
  about: string;
  accepts(demand: Demand, info: NodeInfo): boolean;
  /** `insufficient resources on 2 nodes` */
  explain(count: number): string;
  /** The numbers behind it, of the nodes that it refused. */
  detail?(demand: Demand, refused: readonly NodeInfo[]): string | undefined;
  /** Of one node that it refused: what is wanted, and what is there. */
  reason(demand: Demand, info: NodeInfo): string;
}

/** In this order: a refused node is counted by the first filter that refuses it. What never changes during a pass comes first. */
export const filters: readonly Filter[] = [
  {
    name: 'ready',
    about: 'the node is connected and answers',
    accepts: (_, { node }) => node.status.state === 'ready',
    explain: (count) => `${nodes(count)} not ready`,
    reason: (_, { node }) => `it is ${node.status.state}${node.status.message ? `: ${node.status.message}` : ''}`,
  },
  {
    name: 'active',
    about: 'its availability is active: neither paused nor drained',
    accepts: (_, { node }) => node.spec.availability === 'active',
    explain: (count) => `${nodes(count)} not available for new tasks`,
    reason: (_, { node }) => `its availability is ${node.spec.availability}`,
  },
  {
    name: 'platform',
    about: "the image is for its system and processor (`placement.platforms` of Docker's API)",
    accepts: ({ template }, info) => runsOn(template, info),
    explain: (count) => `unsupported platform on ${nodes(count)}`,
    detail: ({ template }) => `image is for ${platformsOf(template)}`,
    reason: ({ template }, { node }) => `image is for ${platformsOf(template)}, and it is ${node.status.description?.os}/${node.status.description?.architecture}`,
  },
  {
    name: 'constraints',
    about: '`placement.constraints`: every one holds',
    accepts: ({ template }, { node }) => satisfiesAll(node, template.placement?.constraints ?? []),
    explain: (count) => `scheduling constraints not satisfied on ${nodes(count)}`,
    detail: ({ template }) => `wants ${template.placement?.constraints.join(' and ')}`,
    reason: ({ template }, { node }) => unsatisfied(node, template.placement?.constraints ?? []).map(({ constraint, actual }) => `wants ${constraint}, has ${actual === '' ? 'none' : actual}`).join('; '),
  },
  {
    name: 'resources',
    about: '`resources.reservations`: CPU, memory and generic resources that no other task has reserved; a task that stops holds its own until it has',
    accepts: ({ template }, info) => hasResources(template.resources?.reservations, info),
    explain: (count) => `insufficient resources on ${nodes(count)}`,
    detail: ({ template }, refused) => shortagesOnAll(template.resources?.reservations, refused),
    reason: ({ template }, info) => `needs ${shortagesOn(template.resources?.reservations, info)}`,
  },
  {
    name: 'host ports',
    about: 'ports published with `mode: host` are free on it',
    accepts: ({ hostPorts }, info) => takenPorts(hostPorts, info).length === 0,
    explain: (count) => `host-mode port already in use on ${nodes(count)}`,
    detail: ({ hostPorts }) => `wants ${hostPorts.map((port) => `${port.publishedPort || 'any'}/${port.protocol ?? 'tcp'}`).join(', ')}`,
    reason: ({ hostPorts }, info) => `${takenPorts(hostPorts, info).map((port) => `${port.publishedPort}/${port.protocol ?? 'tcp'}`).join(', ')} is in use`,
  },
  {
    name: 'max replicas',
    about: '`placement.max_replicas_per_node`: it has fewer tasks of the service',
    accepts: ({ template, tasksOn }, info) => !template.placement?.maxReplicas || (tasksOn.get(info) ?? 0) < template.placement.maxReplicas,
    explain: (count) => `max replicas per node limit exceed on ${nodes(count)}`,
    detail: ({ template }) => `at most ${template.placement?.maxReplicas} per node`,
    reason: ({ template, tasksOn }, info) => `has ${tasksOn.get(info) ?? 0} of at most ${template.placement?.maxReplicas}`,
  },
  {
    name: 'encryption',
    about: 'it can encrypt, where a network of the task is encrypted: by its kernel, or by wireguard-go',
    accepts: ({ encryptedNetwork }, { node }) => encryptedNetwork === undefined || (node.status.encryptionKeys ?? []).length > 0,
    explain: (count) => `no encryption on ${nodes(count)}`,
    detail: ({ encryptedNetwork }) => `network ${encryptedNetwork} is encrypted`,
    reason: ({ encryptedNetwork }) => `it cannot encrypt, and network ${encryptedNetwork} is encrypted`,
  },
  {
    name: 'affinity',
    about: '`placement.x-affinity` and `x-anti-affinity`: tasks of other services, or of its own, are there or are not; who repels is not joined either',
    accepts: ({ nearby }, info) => nearby.every((rule) => isNearEnough(rule, info)),
    explain: (count) => `affinity not satisfied on ${nodes(count)}`,
    detail: ({ nearby }) => nearby.map(({ wants, service, label }) => `${wants ? 'wants to be beside' : 'must not be beside'} ${service}${label === undefined ? '' : ` by ${label}`}`).join(', '),
    reason: ({ nearby }, info) => nearby.filter((rule) => !isNearEnough(rule, info)).map(nearbyReason).join('; '),
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
    if (!filter) continue;
    const list = refused.get(filter);
    if (list) list.push(info);
    else refused.set(filter, [info]);
  }
  if (refused.size === 0) return 'no suitable node';
  const byCount = [...refused].sort(([, a], [, b]) => b.length - a.length);
  const reasons = byCount.map(([filter, list]) => filter.explain(list.length)).join('; ');
  const details = byCount.flatMap(([filter, list]) => filter.detail?.(demand, list) ?? []).join('; ');
  return `no suitable node (${reasons})${details ? `: ${details}` : ''}`;
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

function platformsOf(template: TaskTemplate): string {
  return template.placement?.platforms.map(({ os, architecture }) => `${os ?? 'any'}/${architecture ?? 'any'}`).join(', ') ?? '';
}

function takenPorts(hostPorts: readonly PortConfig[], info: NodeInfo): readonly PortConfig[] {
  return hostPorts.length === 0 ? hostPorts : hostPorts.filter((port) => port.publishedPort && info.hasHostPort(portKey(port.protocol, port.publishedPort)));
}
