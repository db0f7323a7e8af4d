import { expect, test } from 'vitest';
import { createServiceChanges, type Change } from '../../model/src/index.js';
import { aService } from '../../model/src/testing/index.js';
import { checks } from '../src/index.js';

const check = checks.map((make) => make(undefined as never, undefined as never)).find(({ name }) => name === 'writes of users')!;
const created = createServiceChanges('web', aService().spec);

function commit(changes: readonly Change[], after: unknown): void {
  check.committed!({ revision: 1, atMs: 0, writer: { kind: 'user' }, changes, writes: [{ kind: 'service', id: 'web', before: undefined, after: after as never }], events: [] });
}

test('a user must not be told that something is stored that never was', () => {
  expect(() => check.acknowledged!(created)).toThrow('a user was told that it is stored, and it never was');
  commit(created, aService());
  check.acknowledged!(created);
  const removal: Change[] = [{ action: 'remove', kind: 'service', id: 'web' }];
  expect(() => check.acknowledged!(removal)).toThrow('it never was: {"action":"remove","kind":"service","id":"web"}');
  commit(removal, undefined);
  check.acknowledged!(removal);
});
