import type { EndpointSpec, PortConfig, Protocol } from '../../../model/src/index.js';
import type { Service } from '../compose-config.js';
import type { Port } from '../fields/ports.js';
import type { Located } from '../fields/kind.js';
import type { Scope } from './scope.js';
import { compact, nonZero, problem, servicePath } from './scope.js';

/** Ports sorted by the published one. */
export function convertEndpoint(scope: Scope, name: string, service: Service, networkMode: string | undefined): EndpointSpec {
  const path = servicePath(name, 'ports');
  if (networkMode !== undefined && service.ports?.length) problem(scope, path, ...whyNoPorts(networkMode));
  const mode = convertMode(scope, name, service.deploy?.endpoint_mode);
  const entries = [...(service.ports ?? [])].sort((a, b) => Number((a.published ?? 0n) - (b.published ?? 0n)));
  const ports = entries.map((entry) => convertPort(scope, entry, path));
  if (mode === 'dnsrr') {
    for (const [index, port] of ports.entries()) {
      if (port.publishMode === 'host') continue;
      const at = (entries[index] as Located<Port>).at;
      scope.findings.problem(at, path, 'a port on the ingress network cannot be published with endpoint_mode dnsrr', 'publish it with mode: host, or use endpoint_mode vip');
    }
  }
  return { ...(mode ? { mode } : {}), ports };
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

/**
 * A published port belongs to one service of the stack, unless all who want it publish it in host mode; within one service
 * it is published once.
 */
export function rejectDoublePorts(scope: Scope): void {
  const owners = new Map<string, { service: string; host: boolean }[]>();
  for (const [service, { ports = [] }] of scope.config.services) {
    for (const port of ports) {
      if (!port.published) continue;
      const key = `${port.published}/${port.protocol?.toLowerCase() ?? 'tcp'}`;
      const host = port.mode?.toLowerCase() === 'host';
      const earlier = owners.get(key) ?? [];
      const other = earlier.find((owner) => owner.service === service || !owner.host || !host);
      if (other) {
        const whose = other.service === service ? 'this service already' : `service "${other.service}" already`;
        scope.findings.problem(port.at, servicePath(service, 'ports'), `${whose} publishes port ${key}`, 'publish it on another port');
      }
      owners.set(key, [...earlier, { service, host }]);
    }
  }
}
