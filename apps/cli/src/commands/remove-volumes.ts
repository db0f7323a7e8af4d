import { stackFilter } from '../api-client/filters.js';
import type { VolumeList } from '../api-client/types.js';
import { exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';

const pollMs = 200;

/** Removes the named volumes of a stack on every node, with their contents. A container may need a moment to let go of one. */
export async function removeVolumes(session: Session, stack: string, timeoutMs: number): Promise<void> {
  const { clock, interrupt } = session;
  const api = session.api();
  const filters = stackFilter(stack);
  const deadline = clock.monotonicMs() + timeoutMs;
  for (;;) {
    const { VolumesDeleted } = await api.post<{ VolumesDeleted: string[] | null }>('/volumes/prune', undefined, { query: { filters: JSON.stringify({ all: ['true'], ...filters }) } });
    for (const name of VolumesDeleted ?? []) session.out.write(`Removing volume ${name}\n`);
    const { Volumes } = await api.get<VolumeList>('/volumes', { filters, signal: interrupt });
    const left = (Volumes ?? []).map(({ Name }) => Name);
    if (left.length === 0) return;
    if (clock.monotonicMs() >= deadline) throw new Failure(exitStatus.notConverged, `${stack}: in use, and not removed: ${left.join(', ')}; remove them with: shoal volume rm ${left.join(' ')}`);
    await clock.sleep(pollMs, interrupt);
  }
}
