import type { ApiClient } from '../api-client/client.js';
import type { ClusterNode } from '../api-client/types.js';

/** As `node update --availability`; nothing when it is so already. */
export async function setAvailability(api: ApiClient, node: ClusterNode, availability: 'active' | 'drain'): Promise<void> {
  if (node.Spec.Availability === availability) return;
  await api.post(`/nodes/${node.ID}/update`, { ...node.Spec, Availability: availability }, { query: { version: node.Version?.Index } });
}
