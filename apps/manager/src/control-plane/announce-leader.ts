import type { Change } from '../../../../libs/model/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';

/** Writes down which manager leads, for those who read the nodes. */
export async function announceLeader(store: Store, nodeId: string, address: string, signal: AbortSignal): Promise<void> {
  const changes: Change[] = [];
  for (const node of store.view().all('node')) {
    const leads = node.id === nodeId;
    if (node.spec.role !== 'manager' || node.status.manager?.leader === leads) continue;
    changes.push({
      action: 'status',
      kind: 'node',
      id: node.id,
      status: { ...node.status, manager: { address: leads ? address : (node.status.manager?.address ?? ''), leader: leads, reachable: true } },
    });
  }
  if (changes.length > 0) await store.commit(changes, signal);
}
