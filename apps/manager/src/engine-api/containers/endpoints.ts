import { aliasesOf, type ClusterView, type TaskNetwork } from '../../../../../libs/model/src/index.js';
import type { Json } from '../json-output.js';
import { addressWithPrefix } from '../convert/network.js';
import type { ClusterContainer } from './cluster-container.js';

/** The networks of a container, by name, as Docker's `EndpointSettings`. */
export function endpointsTo(view: ClusterView, { task, id }: ClusterContainer): Record<string, Json> {
  const ids = [...new Set(task.networks.map(({ networkId }) => networkId))];
  return Object.fromEntries(
    ids.map((networkId) => {
      const own = task.networks.filter((one) => one.networkId === networkId);
      const ipv4 = partOf(view, own, false);
      const ipv6 = partOf(view, own, true);
      const aliases = aliasesOf(view, task, networkId);
      return [
        view.get('network', networkId)?.spec.name ?? networkId,
        {
          IPAMConfig: { IPv4Address: ipv4.address, ...(ipv6.address && { IPv6Address: ipv6.address }) },
          Links: null,
          Aliases: aliases,
          MacAddress: '',
          DriverOpts: null,
          GwPriority: 0,
          NetworkID: networkId,
          EndpointID: id,
          Gateway: ipv4.gateway,
          IPAddress: ipv4.address,
          IPPrefixLen: ipv4.prefixLength,
          IPv6Gateway: ipv6.gateway,
          GlobalIPv6Address: ipv6.address,
          GlobalIPv6PrefixLen: ipv6.prefixLength,
          DNSNames: [...new Set([task.serviceName, ...aliases])],
        },
      ];
    }),
  );
}

/** What belongs to one family; empty where the network has none. */
function partOf(view: ClusterView, own: readonly TaskNetwork[], isIpv6: boolean): { address: string; prefixLength: number; gateway: string } {
  const found = own.find(({ address }) => address.includes(':') === isIpv6);
  if (!found) return { address: '', prefixLength: 0, gateway: '' };
  const subnets = view.get('network', found.networkId)?.allocation?.subnets ?? [];
  const gateway = subnets.find(({ subnet }) => subnet.includes(':') === isIpv6)?.gateway ?? '';
  return { address: found.address, prefixLength: Number(addressWithPrefix(view, found.networkId, found.address).split('/')[1]), gateway };
}
