import type { ClusterView, Network, TaskTemplate } from '../../model/src/index.js';

export interface Attachment {
  network: Network;
  aliases: string[];
}

/** Names that stand for "no network of the cluster": nothing is allocated for them. */
const builtInDrivers = new Set(['none', 'host', 'bridge']);

/**
 * The networks that a task of this template is attached to, or the name of one that does not exist.
 * A template that names none is attached to the ingress network, so that every task has an address.
 */
export function attachmentsOf(view: ClusterView, template: TaskTemplate): Attachment[] | { missing: string } {
  if (template.networks.length === 0) {
    const ingress = [...view.all('network')].find((network) => network.spec.ingress);
    return ingress ? [{ network: ingress, aliases: [] }] : { missing: 'ingress' };
  }
  const attachments: Attachment[] = [];
  for (const { target, aliases } of template.networks) {
    const network = view.get('network', target) ?? view.named('network', target);
    if (network) attachments.push({ network, aliases });
    else if (!builtInDrivers.has(target)) return { missing: target };
  }
  return attachments;
}
