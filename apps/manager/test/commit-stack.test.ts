import { expect, test } from 'vitest';
import { Refused } from '../../../libs/base/src/index.js';
import type { Change } from '../../../libs/model/src/index.js';
import { aNetwork } from '../../../libs/model/src/testing/index.js';
import { CommitTooLarge, MemoryStore, type Store } from '../../../libs/store/src/index.js';
import { commitStack } from '../src/shoal-api/commit-stack.js';

const stored = { createdAt: '', updatedAt: '' };
const config = (name: string): Change => ({ action: 'create', kind: 'config', object: { ...stored, id: name, spec: { name, labels: {} }, data: '' } });
const network: Change = { action: 'create', kind: 'network', object: aNetwork({ id: 'net' }) };

/** A store that takes two changes at once at most, and refuses some. */
function smallStore(refuses: (changes: readonly Change[]) => boolean = () => false): { store: Store; commits: string[][] } {
  const memory = new MemoryStore();
  const commits: string[][] = [];
  const store: Store = {
    view: () => memory.view(),
    watch: (listener) => memory.watch(listener),
    fencedBy: (epoch) => memory.fencedBy(epoch),
    async commit(changes, signal) {
      if (changes.length > 2) throw new CommitTooLarge('at most 2');
      if (refuses(changes)) throw new Refused('conflict', 'somebody was faster');
      commits.push(changes.map((change) => `${change.action} ${change.kind}`));
      return memory.commit(changes, signal);
    },
  };
  return { store, commits };
}

test('what fits is one commit', async () => {
  const { store, commits } = smallStore();
  await commitStack(store, [config('a'), network]);
  expect(commits).toEqual([['create config', 'create network']]);
});

test('files that do not fit go first, one by one', async () => {
  const { store, commits } = smallStore();
  await commitStack(store, [config('a'), network, config('b')]);
  expect(commits).toEqual([['create config'], ['create config'], ['create network']]);
});

test('when the rest is refused, nothing stays', async () => {
  const { store } = smallStore((changes) => changes.includes(network));
  await expect(commitStack(store, [config('a'), network, config('b')])).rejects.toThrow('somebody was faster');
  expect([...store.view().all('config')]).toEqual([]);
});
