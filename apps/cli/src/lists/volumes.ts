import type { Volume } from '../api-client/types.js';
import type { Listing } from '../output/listing.js';
import { naturalOrder } from '../output/natural-order.js';
import { labelText } from './short.js';

/** `volume ls`: docker's columns, and the nodes that have the volume. */
export function volumeListing(volumes: Volume[]): Listing {
  const sorted = [...volumes].sort((a, b) => naturalOrder(a.Name, b.Name));
  return {
    headers: { Driver: 'DRIVER', Name: 'VOLUME NAME', Nodes: 'NODES', Users: 'IN USE BY', Scope: 'SCOPE', Mountpoint: 'MOUNTPOINT', Labels: 'LABELS', CreatedAt: 'CREATED AT', Label: '' },
    table: '{{.Driver}}\t{{.Name}}\t{{.Nodes}}\t{{.Users}}',
    rows: sorted.map((volume) => {
      const users = Object.values(volume.Status ?? {}).flat().length;
      const full = {
        Driver: volume.Driver,
        Name: volume.Name,
        Nodes: Object.keys(volume.Status ?? {}).sort(naturalOrder),
        Users: users,
        Scope: volume.Scope,
        Mountpoint: volume.Mountpoint,
        Labels: volume.Labels ?? {},
        CreatedAt: volume.CreatedAt ?? '',
      };
      const Label = (name: unknown) => volume.Labels?.[String(name)] ?? '';
      const Users = users === 1 ? '1 container' : users > 1 ? `${users} containers` : '';
      return { id: volume.Name, cells: { ...full, Nodes: full.Nodes.join(', '), Users, Labels: labelText(volume.Labels ?? undefined), Label }, full };
    }),
  };
}
