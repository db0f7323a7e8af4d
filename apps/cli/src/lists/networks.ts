import type { Network } from '../api-client/types.js';
import type { Listing } from '../output/listing.js';
import { naturalOrder } from '../output/natural-order.js';
import { labelText, shortId } from './short.js';

/** `network ls`. */
export function networkListing(networks: Network[], noTrunc: boolean): Listing {
  const sorted = [...networks].sort((a, b) => naturalOrder(a.Name, b.Name));
  return {
    headers: {
      ID: 'NETWORK ID',
      Name: 'NAME',
      Driver: 'DRIVER',
      Scope: 'SCOPE',
      IPv4: 'IPV4',
      IPv6: 'IPV6',
      Internal: 'INTERNAL',
      Labels: 'LABELS',
      CreatedAt: 'CREATED AT',
      Label: '',
    },
    table: '{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}',
    rows: sorted.map((network) => {
      const full = {
        ID: network.Id,
        Name: network.Name,
        Driver: network.Driver ?? '',
        Scope: network.Scope ?? '',
        IPv4: network.EnableIPv4 ?? true,
        IPv6: network.EnableIPv6 ?? false,
        Internal: network.Internal ?? false,
        Labels: network.Labels ?? {},
        CreatedAt: network.Created ?? '',
      };
      const id = shortId(network.Id, noTrunc);
      const Label = (name: unknown) => network.Labels?.[String(name)] ?? '';
      return { id, cells: { ...full, ID: id, Labels: labelText(network.Labels), Label }, full };
    }),
  };
}
