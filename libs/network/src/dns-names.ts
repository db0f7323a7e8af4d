import { parseIpNetwork, type AssignedNetwork, type AssignedService, type IpNetwork } from '../../model/src/index.js';
import type { NodeNetworkView } from './network.js';

/** What the nameserver knows, by network: a container sees the names of its own networks only. */
export interface DnsNames {
  /** Networks of the container with this address, in its own order. */
  networksOf: ReadonlyMap<string, readonly string[]>;
  networks: ReadonlyMap<string, NetworkNames>;
  /** Whom to ask for the container with this address what is not of the cluster. Absent: those of the node. */
  nameserversOf: ReadonlyMap<string, readonly string[]>;
}

export interface NetworkNames {
  /** `.shop_front`, in lower case: names end with it when they are meant in this network only. */
  suffix: string;
  subnets: readonly IpNetwork[];
  /** Addresses by lower-case name. A name without an address exists but has nobody behind it now. */
  addresses: ReadonlyMap<string, readonly string[]>;
  pointers: ReadonlyMap<string, string>;
}

export function planNames({ networks, services, containers }: NodeNetworkView): DnsNames {
  return {
    networksOf: new Map(
      containers.flatMap((container) => {
        const ids = [...new Set(container.networks.map(({ networkId }) => networkId))];
        return container.networks.map(({ address }): [string, string[]] => [address, ids]);
      }),
    ),
    networks: new Map(networks.map((network) => [network.id, namesOf(network, services)])),
    nameserversOf: new Map(
      containers.flatMap(({ nameservers, networks: own }) => (nameservers ? own.map(({ address }): [string, readonly string[]] => [address, nameservers]) : [])),
    ),
  };
}

/**
 * `web` (and each alias) → the service's address, or its endpoints' when it has none; `tasks.web` → all endpoints;
 * `2.web` and `web.2.<task id>` → that task.
 */
function namesOf(network: AssignedNetwork, services: readonly AssignedService[]): NetworkNames {
  const addresses = new Map<string, readonly string[]>();
  const pointers = new Map<string, string>();
  const add = (name: string, found: readonly string[]) => {
    const key = name.toLowerCase();
    const known = addresses.get(key);
    addresses.set(key, known ? [...new Set([...known, ...found])] : found);
  };

  for (const service of services) {
    const virtual = service.virtualIps.filter(({ networkId }) => networkId === network.id).map(({ address }) => address);
    const endpoints = service.endpoints.flatMap(({ taskId, slot, state, addresses: own }) => {
      const here = own.filter(({ networkId }) => networkId === network.id);
      return here.map((one) => ({ taskId, slot, ready: state === 'ready', ...one }));
    });
    if (virtual.length === 0 && endpoints.length === 0) continue;

    const readyAddresses = endpoints.filter((endpoint) => endpoint.ready).map((endpoint) => endpoint.address);
    const main = service.mode === 'vip' && virtual.length > 0 ? virtual : readyAddresses;
    for (const name of new Set([service.name, ...endpoints.flatMap((endpoint) => endpoint.aliases)])) {
      add(name, main);
      add(`tasks.${name}`, readyAddresses);
    }
    for (const address of virtual) pointers.set(address, `${service.name}.${network.name}`);
    for (const { taskId, slot, ready, address } of endpoints) {
      const taskName = `${service.name}.${slot}.${taskId}`;
      pointers.set(address, `${taskName}.${network.name}`);
      if (slot > 0) add(`${slot}.${service.name}`, ready ? [address] : []);
      add(taskName, [address]);
    }
  }
  return { suffix: `.${network.name.toLowerCase()}`, subnets: network.subnets.flatMap(({ subnet }) => parseIpNetwork(subnet) ?? []), addresses, pointers };
}
