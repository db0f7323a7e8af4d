import { hasOwnNetworks, type ClusterView, type Network, type TaskTemplate } from '../../model/src/index.js';
import { familyOfText, type Family } from './address-book.js';

export interface Attachment {
  network: Network;
  aliases: string[];
  /** Addresses that it asks for, one per family at most. */
  addresses: string[];
  macAddress?: string;
}

/** Names that stand for "no network of the cluster": nothing is allocated for them. */
const builtInDrivers = new Set(['none', 'host', 'bridge']);

/**
 * The networks that a task of this template is attached to, the one with the default route first, or the name of one that does not exist.
 * A template that names none is attached to the ingress network, so that every task has an address; not one with the network of
 * the host, of another container, or none.
 */
export function attachmentsOf(view: ClusterView, template: TaskTemplate): Attachment[] | { missing: string } {
  if (!hasOwnNetworks(template.container)) return [];
  if (template.networks.length === 0) {
    const ingress = [...view.all('network')].find((network) => network.spec.ingress);
    return ingress ? [{ network: ingress, aliases: [], addresses: [] }] : { missing: 'ingress' };
  }
  const attachments: Attachment[] = [];
  const byPriority = [...template.networks].sort((a, b) => (b.priority ?? 0) - (a.priority ?? 0));
  for (const { target, aliases, addresses = [], macAddress } of byPriority) {
    const network = view.get('network', target) ?? view.named('network', target);
    if (network) attachments.push({ network, aliases, addresses, ...(macAddress && { macAddress }) });
    else if (!builtInDrivers.has(target)) return { missing: target };
  }
  return attachments;
}

/** IPv4 first: what there is only one of is IPv4. Empty: the network has no subnet yet. */
export function familiesOf({ allocation }: Network): Family[] {
  const families = new Set(allocation?.subnets.map(({ subnet }) => familyOfText(subnet)));
  return [...families].sort((a, b) => a - b);
}
