import type { Change } from '../../../../libs/model/src/index.js';
import { CommitTooLarge, type Store } from '../../../../libs/store/src/index.js';

/**
 * Writes a deploy in one commit. Only when its files are too large for one, each new secret and config is written before:
 * nothing uses them until the last commit, and when that fails they are taken away again.
 */
export async function commitStack(store: Store, writes: readonly Change[]): Promise<void> {
  try {
    await store.commit(writes);
  } catch (error) {
    if (!(error instanceof CommitTooLarge)) throw error;
    await commitFilesFirst(store, writes);
  }
}

async function commitFilesFirst(store: Store, writes: readonly Change[]): Promise<void> {
  const written: Change[] = [];
  try {
    for (const write of writes) {
      if (!isNewFile(write)) continue;
      await store.commit([write]);
      written.push({ action: 'remove', kind: write.kind, id: write.object.id });
    }
    await store.commit(writes.filter((write) => !isNewFile(write)));
  } catch (error) {
    if (written.length > 0) await store.commit(written);
    throw error;
  }
}

function isNewFile(write: Change): write is Extract<Change, { action: 'create'; kind: 'secret' | 'config' }> {
  return write.action === 'create' && (write.kind === 'secret' || write.kind === 'config');
}
