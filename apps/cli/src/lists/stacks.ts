import { stackLabel } from '../../../../libs/model/src/index.js';
import type { Service } from '../api-client/types.js';
import type { Listing } from '../output/listing.js';
import { naturalOrder } from '../output/natural-order.js';

/** `stack ls`: services counted by the stack in their label. */
export function stackListing(services: Service[]): Listing {
  const counts = new Map<string, number>();
  for (const service of services) {
    const name = service.Spec.Labels?.[stackLabel];
    if (name) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([a], [b]) => naturalOrder(a, b));
  return {
    headers: { Name: 'NAME', Services: 'SERVICES' },
    table: '{{.Name}}\t{{.Services}}',
    rows: sorted.map(([Name, count]) => ({
      id: Name,
      cells: { Name, Services: String(count) },
      full: { Name, Services: String(count) },
    })),
  };
}
