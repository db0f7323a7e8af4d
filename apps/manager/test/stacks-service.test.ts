import { expect, test } from 'vitest';
import { Refused, seededRandom, systemClock } from '../../../libs/base/src/index.js';
import { aTemplate } from '../../../libs/model/src/testing/index.js';
import { MemoryStore, type Store } from '../../../libs/store/src/index.js';
import { StacksService } from '../src/shoal-api/stacks.service.js';
import { fakeStackReader } from './fake-stack-reader.js';

const sealer = { seal: (data: string) => data, open: (sealed: string) => sealed };
const service = { name: 'app_web', labels: { 'com.docker.stack.namespace': 'app' }, template: aTemplate(), mode: { kind: 'replicated', replicas: 1 } };
const request = { bundle: { files: [{ path: 'a.yml', text: JSON.stringify({ services: [service] }) }], workingDir: '/', env: {}, attachments: {} }, prune: false, dryRun: false };

/** A store in which somebody else is faster `times` times. */
function contended(times: number): { store: Store; attempts: () => number } {
  const memory = new MemoryStore();
  let attempts = 0;
  const store: Store = {
    view: () => memory.view(),
    watch: (listener) => memory.watch(listener),
    fencedBy: (epoch) => memory.fencedBy(epoch),
    async commit(changes, signal) {
      if (++attempts <= times) throw new Refused('conflict', 'somebody was faster');
      return memory.commit(changes, signal);
    },
  };
  return { store, attempts: () => attempts };
}

test('a deploy that somebody overtakes looks again and plans anew', async () => {
  const { store, attempts } = contended(3);
  const stacks = new StacksService(store, seededRandom(1), sealer, fakeStackReader, systemClock);
  expect((await stacks.deploy('app', request)).revision).toBe(1);
  expect(attempts()).toBe(4);
});

test('it gives up in the end', async () => {
  const { store, attempts } = contended(100);
  const stacks = new StacksService(store, seededRandom(1), sealer, fakeStackReader, systemClock);
  await expect(stacks.deploy('app', request)).rejects.toThrow('somebody was faster');
  expect(attempts()).toBe(5);
});
