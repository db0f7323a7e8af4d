import { Refused } from '../../base/src/index.js';
import type { Problem } from './admission.js';
import { familyOf, parseIpNetwork } from './ip-network.js';
import type { Labels, PortConfig, ServiceSpec } from './service.js';

/*
 * How connections to a service are spread, and who may make them. Docker's API has no words for it, so labels of the service say it:
 * clients that know nothing of it keep it, show it, and can set it.
 *
 *   shoal.locality=prefer-local            of the service's address, and of its ports unless they say otherwise
 *   shoal.affinity=client-ip               or `client-ip 30m`
 *   shoal.weight=node.labels.capacity
 *   shoal.allow=web,worker
 *   shoal.port.8080/tcp.locality=…         also `affinity`, `host-ip`, `allow-from`, `masquerade`
 *
 * A port is known by its published number, or, where that is chosen by the cluster, as `target-80`.
 */

/** `spread`: over all endpoints; `prefer-local`: those of the node where the connection enters, if there are any; `local-only`: no others. */
export type Locality = 'spread' | 'prefer-local' | 'local-only';

/** One client address, one endpoint. */
export interface Affinity {
  /** Since its last new connection. Absent: by a hash of the address, which needs no memory and moves few clients when endpoints change. */
  timeoutSeconds?: number;
}

export interface Balancing {
  locality?: Locality; // absent: spread
  affinity?: Affinity;
}

export interface PortTraffic extends Balancing {
  /** Addresses that the port is published at, on the nodes that have them. Absent: all. */
  hostIps?: string[];
  /** Addresses or subnets of the clients that are answered. Absent: all. */
  allowFrom?: string[];
  /** Tasks see the node's address instead of the client's. */
  masquerade?: boolean;
}

export interface ServiceTraffic extends Balancing {
  /** The node label whose number, 0 to 100, is the share of an endpoint there. */
  weightLabel?: string;
  /** Names of the services that may connect over a network, beside itself. Absent: all. */
  allow?: string[];
}

/** A network with this label is closed between services, except where `shoal.allow` opens it. */
export const defaultDenyLabel = 'shoal.default-deny';

export const maxWeight = 100;

const localities: readonly string[] = ['spread', 'prefer-local', 'local-only'] satisfies Locality[];
const portKeys = ['locality', 'affinity', 'host-ip', 'allow-from', 'masquerade'] as const;
const serviceKeys = ['locality', 'affinity', 'weight', 'allow'] as const;
export type PortTrafficKey = (typeof portKeys)[number];
export type ServiceTrafficKey = (typeof serviceKeys)[number];

export function serviceTrafficLabel(key: ServiceTrafficKey): string {
  return `shoal.${key}`;
}

export function portTrafficLabel(port: Pick<PortConfig, 'protocol' | 'publishedPort' | 'targetPort'>, key: PortTrafficKey): string {
  return `shoal.port.${port.publishedPort ? port.publishedPort : `target-${port.targetPort}`}/${port.protocol ?? 'tcp'}.${key}`;
}

/** `Refused` when a label makes no sense. */
export function serviceTraffic(labels: Labels): ServiceTraffic {
  const say = (key: ServiceTrafficKey) => labels[serviceTrafficLabel(key)];
  const weight = say('weight');
  const allow = say('allow');
  return {
    ...balancing(say('locality'), say('affinity')),
    ...(weight !== undefined && { weightLabel: weightLabelOf(weight) }),
    ...(allow !== undefined && { allow: listOf(allow) }),
  };
}

/** `wanted`: the port as the service asks for it. `Refused` when a label makes no sense. */
export function portTraffic(labels: Labels, wanted: Pick<PortConfig, 'protocol' | 'publishedPort' | 'targetPort'>): PortTraffic {
  const say = (key: PortTrafficKey) => labels[portTrafficLabel(wanted, key)];
  const hostIps = listOf(say('host-ip') ?? '').map(checkedAddress).filter((address) => !isUnspecified(address));
  const allowFrom = say('allow-from');
  return {
    ...balancing(say('locality') ?? labels['shoal.locality'], say('affinity') ?? labels['shoal.affinity']),
    ...(hostIps.length > 0 && { hostIps }),
    ...(allowFrom !== undefined && { allowFrom: listOf(allowFrom).map(checkedSubnet) }),
    ...(isTrue(say('masquerade') ?? 'false') && { masquerade: true }),
  };
}

/** The label of a chosen port stays with its target. */
export function trafficOfPort(spec: ServiceSpec, port: PortConfig): PortTraffic {
  const named = spec.endpoint?.ports.some((wanted) => wanted.publishedPort === port.publishedPort && (wanted.protocol ?? 'tcp') === (port.protocol ?? 'tcp'));
  return portTraffic(spec.labels, named ? port : { ...port, publishedPort: 0 });
}

export function isDefaultDeny(labels: Labels): boolean {
  return labels[defaultDenyLabel] === 'true';
}

/** What is wrong with the labels of a service that speak of its traffic. */
export function checkTraffic(spec: ServiceSpec): Problem[] {
  const ports = spec.endpoint?.ports ?? [];
  return [
    ...problemsOf(() => serviceTraffic(spec.labels)),
    ...ports.flatMap((port) => problemsOf(() => portTraffic(spec.labels, port))),
  ];
}

/** Labels that speak of a port which is not published, or in words that are none. */
export function trafficNotes(spec: ServiceSpec): string[] {
  const known = new Set((spec.endpoint?.ports ?? []).flatMap((port) => portKeys.map((key) => portTrafficLabel(port, key))));
  const idle = Object.keys(spec.labels).filter((label) => label.startsWith('shoal.port.') && !known.has(label));
  return idle.map((label) => `${spec.name}: the label ${label} has no effect: it names no published port of the service, or none of ${portKeys.join(', ')}`);
}

/** Two published ports that both want the same address of a node. */
export function sharesAddress(a: PortTraffic, b: PortTraffic): boolean {
  return !a.hostIps || !b.hostIps || a.hostIps.some((address) => b.hostIps!.includes(address));
}

export function isUnspecified(address: string): boolean {
  return parseIpNetwork(address)?.address === 0n;
}

function balancing(locality: string | undefined, affinity: string | undefined): Balancing {
  if (locality !== undefined && !localities.includes(locality)) throw new Refused('invalid', `"${locality}" is not a locality: it is ${localities.join(', ')}`);
  return { ...(locality !== undefined && { locality: locality as Locality }), ...(affinity !== undefined && affinity !== 'none' && { affinity: affinityOf(affinity) }) };
}

function affinityOf(text: string): Affinity {
  const [, amount, unit] = /^client-ip(?: (\d{1,6})([smhd]))?$/.exec(text) ?? [];
  if (!text.startsWith('client-ip') || (text !== 'client-ip' && !Number(amount))) {
    throw new Refused('invalid', `"${text}" is not an affinity: it is none, client-ip, or client-ip with a time such as "client-ip 30m"`);
  }
  if (!amount) return {};
  return { timeoutSeconds: Number(amount) * { s: 1, m: 60, h: 3600, d: 86400 }[unit as 's' | 'm' | 'h' | 'd'] };
}

function weightLabelOf(text: string): string {
  const label = /^node\.labels\.(.+)$/.exec(text)?.[1];
  if (!label) throw new Refused('invalid', `"${text}" is not a weight: it names a label of the nodes, such as node.labels.capacity`);
  return label;
}

function isTrue(text: string): boolean {
  if (text === 'true') return true;
  if (text === 'false') return false;
  throw new Refused('invalid', `"${text}" is neither true nor false`);
}

function listOf(text: string): string[] {
  return text.split(',').map((item) => item.trim()).filter(Boolean);
}

function checkedAddress(text: string): string {
  if (!familyOf(text)) throw new Refused('invalid', `"${text}" is not an IP address that a port could be published at`);
  return text;
}

function checkedSubnet(text: string): string {
  if (!parseIpNetwork(text)) throw new Refused('invalid', `"${text}" is neither an IP address nor a subnet such as 192.0.2.0/24`);
  return text;
}

function problemsOf(read: () => unknown): Problem[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof Refused) return [{ code: error.code, message: error.message }];
    throw error;
  }
}
