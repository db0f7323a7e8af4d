import type { ClusterView } from '../../../../../libs/model/src/index.js';
import type { Json } from '../json-output.js';
import { addressWithPrefix } from '../convert/network.js';
import type { ClusterContainer } from './cluster-container.js';

/** The networks of a container, by name, as Docker's `EndpointSettings`. */
export function endpointsTo(view: ClusterView, { task, id }: ClusterContainer): Record<string, Json> {
  return Object.fromEntries(
    task.networks.map(({ networkId, address, aliases }) => {
      const network = view.get('network', networkId);
      const prefixLength = Number(addressWithPrefix(view, networkId, address).split('/')[1]);
      const names = [...new Set([task.serviceName, ...aliases])];
      return [
        network?.spec.name ?? networkId,
        {
          IPAMConfig: { IPv4Address: address },
          Links: null,
          Aliases: aliases,
          MacAddress: '',
          DriverOpts: null,
          GwPriority: 0,
          NetworkID: networkId,
          EndpointID: id,
          Gateway: network?.allocation?.subnets[0]?.gateway ?? '',
          IPAddress: address,
          IPPrefixLen: prefixLength,
          IPv6Gateway: '',
          GlobalIPv6Address: '',
          GlobalIPv6PrefixLen: 0,
          DNSNames: names,
        },
      ];
    }),
  );
}
