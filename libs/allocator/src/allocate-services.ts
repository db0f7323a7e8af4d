import { sameJson } from '../../base/src/index.js';
import type { Change, ClusterView, Decide, Network, PortConfig, Protocol, Service, ServiceStatus } from '../../model/src/index.js';
import { sharesAddress, trafficOfPort } from '../../model/src/index.js';
import { AddressLoan, familyOfText } from './address-book.js';
import { attachmentsOf, familiesOf } from './attachments.js';
import { byCreation } from './order.js';

const firstDynamicPort = 30000;
const lastDynamicPort = 32767;

/** Each service gets its virtual addresses, and a number for every published port that names none. Choices once made are kept. */
export const allocateServices: Decide = (view) => {
  const changes: Change[] = [];
  const sentences: string[] = [];
  const services = [...view.all('service')].sort(byCreation);
  const ports = new PublishedPorts(services);
  const loan = new AddressLoan(view);
  for (const service of services) {
    const wantedPorts = portsFor(service, ports, sentences);
    const virtualIps = virtualIpsFor(service, view, loan, sentences);
    if (samePorts(wantedPorts, service.status.ports) && sameJson(virtualIps, service.status.virtualIps)) continue;
    const status: ServiceStatus = { ...service.status, ports: wantedPorts, virtualIps };
    changes.push({ action: 'status', kind: 'service', id: service.id, status, actor: 'allocator' });
    sentences.push(describe(service, status));
  }
  loan.end();
  return { changes, sentences };
};

/** What it has is kept, what it lacks is given, and what it left is given back. */
function virtualIpsFor(service: Service, view: ClusterView, loan: AddressLoan, sentences: string[]): ServiceStatus['virtualIps'] {
  const networks = networksFor(service, view);
  const virtualIps = service.status.virtualIps.filter(({ networkId }) => networks.some(({ id }) => id === networkId));
  for (const network of networks) {
    for (const family of familiesOf(network)) {
      if (virtualIps.some((ip) => ip.networkId === network.id && familyOfText(ip.address) === family)) continue;
      const address = loan.give(network.id, family);
      if (address !== undefined) virtualIps.push({ networkId: network.id, address });
      else sentences.push(`service ${service.spec.name} waits for its address: ${loan.explain(network, family)}`);
    }
  }
  return virtualIps;
}

/** Networks in which the service has a virtual address: those of its tasks that have a subnet; none with `dnsrr`. */
function networksFor(service: Service, view: ClusterView): Network[] {
  if (service.spec.endpoint?.mode === 'dnsrr') return [];
  const attachments = attachmentsOf(view, service.spec.template);
  if ('missing' in attachments) return service.status.virtualIps.flatMap(({ networkId }) => view.get('network', networkId) ?? []);
  return attachments.map(({ network }) => network).filter(({ allocation }) => allocation);
}

function portsFor(service: Service, ports: PublishedPorts, sentences: string[]): PortConfig[] {
  const wanted: PortConfig[] = [];
  for (const port of service.spec.endpoint?.ports ?? []) {
    if (port.publishMode === 'host') {
      wanted.push(port);
      continue;
    }
    const publishedPort = port.publishedPort || previousChoice(service, port, wanted) || ports.choose(port.protocol ?? 'tcp', service.id);
    if (publishedPort === undefined) {
      sentences.push(`service ${service.spec.name}: no free port in ${firstDynamicPort}–${lastDynamicPort} for ${port.targetPort}/${port.protocol ?? 'tcp'}`);
    } else if (ports.claim({ ...port, publishedPort }, service)) {
      wanted.push({ ...port, publishedPort });
    } else {
      sentences.push(`service ${service.spec.name} cannot publish ${publishedPort}/${port.protocol ?? 'tcp'}: service ${ports.nameOfOwner({ ...port, publishedPort }, service)} does`);
    }
  }
  return wanted;
}

function previousChoice(service: Service, port: PortConfig, chosenNow: readonly PortConfig[]): number | undefined {
  return service.status.ports.find(
    (old) =>
      old.publishMode !== 'host' &&
      old.targetPort === port.targetPort &&
      (old.protocol ?? 'tcp') === (port.protocol ?? 'tcp') &&
      (old.publishedPort ?? 0) >= firstDynamicPort &&
      !chosenNow.includes(old) &&
      !chosenNow.some((now) => now.publishedPort === old.publishedPort && (now.protocol ?? 'tcp') === (old.protocol ?? 'tcp')),
  )?.publishedPort;
}

/** Who publishes what on every node. The oldest service keeps a port that two ask for at the same address. */
class PublishedPorts {
  readonly #owners = new Map<string, Service[]>();

  constructor(services: readonly Service[]) {
    for (const service of services) {
      for (const port of [...(service.spec.endpoint?.ports ?? []), ...service.status.ports]) {
        if (port.publishMode === 'host' || !port.publishedPort) continue;
        const owners = this.#ownersOf(port);
        if (!owners.includes(service)) this.#owners.set(keyOf(port), [...owners, service]);
      }
    }
    this.#services = new Map(services.map((service) => [service.id, service]));
  }
  readonly #services: Map<string, Service>;

  choose(protocol: Protocol, serviceId: string): number | undefined {
    for (let publishedPort = firstDynamicPort; publishedPort <= lastDynamicPort; publishedPort++) {
      const key = keyOf({ protocol, publishedPort, targetPort: 0 });
      if (this.#owners.has(key)) continue;
      this.#owners.set(key, [this.#services.get(serviceId)!]);
      return publishedPort;
    }
    return undefined;
  }

  claim(port: PortConfig, service: Service): boolean {
    return this.#owner(port, service)?.id === service.id;
  }

  nameOfOwner(port: PortConfig, service: Service): string {
    return this.#owner(port, service)?.spec.name ?? 'another';
  }

  #owner(port: PortConfig, service: Service): Service | undefined {
    return this.#ownersOf(port).find((owner) => owner.id === service.id || sharesAddress(trafficOfPort(owner.spec, port), trafficOfPort(service.spec, port)));
  }

  #ownersOf(port: PortConfig): Service[] {
    return this.#owners.get(keyOf(port)) ?? [];
  }
}

function keyOf({ protocol = 'tcp', publishedPort }: PortConfig): string {
  return `${protocol}/${publishedPort}`;
}

function samePorts(a: readonly PortConfig[], b: readonly PortConfig[]): boolean {
  return a.length === b.length && a.every((port, index) => samePort(port, b[index]!));
}

function samePort(a: PortConfig, b: PortConfig): boolean {
  return (
    a.name === b.name && a.protocol === b.protocol && a.targetPort === b.targetPort && a.publishedPort === b.publishedPort && a.publishMode === b.publishMode
  );
}

function describe(service: Service, status: ServiceStatus): string {
  const addresses = status.virtualIps.map(({ address }) => address).join(', ') || 'no virtual address';
  const ports = status.ports.map((port) => `${port.publishedPort}→${port.targetPort}/${port.protocol ?? 'tcp'}`).join(', ');
  return `service ${service.spec.name} has ${addresses}${ports ? ` and publishes ${ports}` : ''}`;
}
