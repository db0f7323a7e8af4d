import { isRefused } from '../../../base/src/index.js';
import { portTraffic, portTrafficLabel, serviceTraffic, serviceTrafficLabel, type EndpointSpec, type PortConfig, type PortTrafficKey, type Protocol, type ServiceTrafficKey } from '../../../model/src/index.js';
import type { Service } from '../compose-config.js';
import type { Port } from '../fields/ports.js';
import type { Located } from '../fields/kind.js';
import type { Scope } from './scope.js';
import { compact, nonZero, positionOf, problem, scoped, servicePath } from './scope.js';

/** Ports sorted by the published one. */
export function convertEndpoint(scope: Scope, name: string, service: Service, networkMode: string | undefined): EndpointSpec {
  const path = servicePath(name, 'ports');
  if (networkMode !== undefined && service.ports?.length) problem(scope, path, ...whyNoPorts(networkMode));
  const mode = convertMode(scope, name, service.deploy?.endpoint_mode);
  const entries = [...(service.ports ?? [])].sort((a, b) => Number((a.published ?? 0n) - (b.published ?? 0n)));
  const ports = entries.filter((entry, index) => !entries.slice(0, index).some((other) => isOtherAddressOf(entry, other))).map((entry) => convertPort(scope, entry, path));
  return { ...(mode ? { mode } : {}), ports };
}

/** The same port once more, at another address of the node. */
function isOtherAddressOf(a: Port, b: Port): boolean {
  return a.published === b.published && a.target === b.target && protocolOf(a) === protocolOf(b) && isHostMode(a) === isHostMode(b) && a.host_ip !== undefined && b.host_ip !== undefined && a.host_ip !== b.host_ip;
}

function protocolOf({ protocol }: Port): Protocol {
  const name = protocol?.toLowerCase();
  return name === 'udp' || name === 'sctp' ? name : 'tcp';
}

function isHostMode({ mode }: Port): boolean {
  return mode?.toLowerCase() === 'host';
}

/** What Docker's API has no words for is said by labels of the service. */
export function trafficLabels(scope: Scope, name: string, { ports = [], deploy }: Service): Record<string, string> {
  const labels: Record<string, string> = {};
  const allow = deploy?.['x-allow'];
  const say = (key: ServiceTrafficKey, text: string | undefined) => text !== undefined && (labels[serviceTrafficLabel(key)] = text);
  say('locality', deploy?.['x-locality']);
  say('affinity', deploy?.['x-affinity']);
  say('weight', deploy?.['x-weight']);
  say('allow', allow?.map((other) => (scope.config.services.has(other) ? scoped(scope, other) : other)).join(','));
  for (const port of ports) {
    const key = { protocol: protocolOf(port), targetPort: Number(port.target ?? 0n), publishedPort: Number(port.published ?? 0n) };
    const sayOf = (word: PortTrafficKey, text: string | undefined) => text !== undefined && (labels[portTrafficLabel(key, word)] = text);
    const earlier = labels[portTrafficLabel(key, 'host-ip')];
    sayOf('host-ip', port.host_ip && (earlier ? `${earlier},${port.host_ip}` : port.host_ip));
    sayOf('locality', port['x-locality']);
    sayOf('affinity', port['x-affinity']);
    sayOf('allow-from', port['x-allow-from']?.join(','));
    sayOf('masquerade', port['x-masquerade'] ? 'true' : undefined);
    rejectTraffic(scope, port, servicePath(name, 'ports'), () => portTraffic(labels, key));
  }
  rejectTraffic(scope, { at: positionOf(scope, servicePath(name, 'deploy')) }, servicePath(name, 'deploy'), () => serviceTraffic(labels));
  return labels;
}

/** What the manager would refuse is told with its place. */
function rejectTraffic(scope: Scope, { at }: Pick<Located<Port>, 'at'>, path: string, read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!isRefused(error)) throw error;
    scope.findings.problem(at, path, error.message);
  }
}

function whyNoPorts(networkMode: string): [message: string, suggestion: string] {
  const suggestion = networkMode.startsWith('service:') ? 'publish them on the service whose network it shares' : networkMode === 'host' ? 'remove ports: its own ports are those of the node' : 'remove ports, or network_mode';
  return [`ports cannot be published with network_mode ${networkMode}`, suggestion];
}

function convertMode(scope: Scope, name: string, text: string | undefined): EndpointSpec['mode'] {
  const mode = text?.toLowerCase();
  if (mode === undefined || mode === 'vip' || mode === 'dnsrr') return mode;
  problem(scope, servicePath(name, 'deploy.endpoint_mode'), `"${text}" is not an endpoint mode`, 'it is vip or dnsrr');
  return undefined;
}

function convertPort(scope: Scope, entry: Located<Port>, path: string): PortConfig {
  const protocol = entry.protocol?.toLowerCase();
  if (protocol !== undefined && !['tcp', 'udp', 'sctp'].includes(protocol)) {
    scope.findings.note('surprising', entry.at, path, `"${entry.protocol}" is not a protocol; as in Docker's swarm, tcp is used`);
  }
  const publishMode = entry.mode?.toLowerCase();
  if (publishMode !== undefined && publishMode !== 'ingress' && publishMode !== 'host') {
    scope.findings.note('surprising', entry.at, path, `"${entry.mode}" is not a publish mode; as in Docker's swarm, ingress is used`);
  }
  rejectImpossible(scope, entry, path);
  return compact<PortConfig>({
    name: undefined,
    protocol: protocol === undefined ? undefined : protocol === 'udp' || protocol === 'sctp' ? protocol : ('tcp' as Protocol),
    targetPort: Number(entry.target ?? 0n),
    publishedPort: nonZero(entry.published),
    publishMode: publishMode === undefined ? undefined : publishMode === 'host' ? 'host' : 'ingress',
  });
}

function rejectImpossible(scope: Scope, entry: Located<Port>, path: string): void {
  if (!entry.target) scope.findings.problem(entry.at, path, 'the port has no target', 'name the port of the container');
  for (const port of [entry.target, entry.published]) {
    if (port !== undefined && port > 65535n) scope.findings.problem(entry.at, path, `${port} is not a port: the largest is 65535`);
  }
}

/** Published at different addresses of the node. */
function areApart(a: Port, b: Port): boolean {
  return a.host_ip !== undefined && b.host_ip !== undefined && a.host_ip !== b.host_ip;
}

/**
 * A published port belongs to one service of the stack, unless all who want it publish it in host mode; within one service
 * it is published once.
 */
export function rejectDoublePorts(scope: Scope): void {
  const owners = new Map<string, { service: string; host: boolean; port: Port }[]>();
  for (const [service, { ports = [] }] of scope.config.services) {
    for (const port of ports) {
      if (!port.published) continue;
      const key = `${port.published}/${port.protocol?.toLowerCase() ?? 'tcp'}`;
      const host = port.mode?.toLowerCase() === 'host';
      const earlier = owners.get(key) ?? [];
      const other = earlier.find((owner) => (owner.service === service ? !isOtherAddressOf(owner.port, port) : (!owner.host || !host) && !areApart(owner.port, port)));
      if (other) {
        const whose = other.service === service ? 'this service already' : `service "${other.service}" already`;
        scope.findings.problem(port.at, servicePath(service, 'ports'), `${whose} publishes port ${key}`, 'publish it on another port');
      }
      owners.set(key, [...earlier, { service, host, port }]);
    }
  }
}
