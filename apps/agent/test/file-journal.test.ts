import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { AssignmentItem, TaskStatus } from '../../../libs/model/src/index.js';
import type { AssignmentChange } from '../../../libs/worker/src/index.js';
import { FileJournal } from '../src/file-journal.js';

const status = (state: TaskStatus['state']): TaskStatus => ({ state, timestamp: 't', message: '', error: '' });

const secret = (id: string, name = id): AssignmentItem => ({ kind: 'secret', key: id, value: { id, name, data: '' } });

/** A difference, unless said otherwise. */
const change = (version: number, parts: Partial<AssignmentChange> = {}): AssignmentChange => ({ epoch: 3, version, complete: false, put: [], remove: [], ...parts });

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'journal-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

it('gives back the newest status of every task that was not forgotten, and the assignments', async () => {
  const dir = folder();
  const journal = await FileJournal.open(dir, join(dir, 'run'));
  await Promise.all([journal.saveStatus('a', status('starting')), journal.saveStatus('b', status('starting')), journal.saveStatus('a', status('running'))]);
  await journal.forget('b');
  await journal.saveAssignments(change(9, { complete: true }));
  const again = await (await FileJournal.open(dir, join(dir, 'run'))).load();
  expect(again).toEqual({ epoch: 3, version: 9, items: [], statuses: new Map([['a', status('running')]]) });
});

it('survives a line that a crash cut off', async () => {
  const dir = folder();
  await (await FileJournal.open(dir, dir)).saveStatus('a', status('running'));
  appendFileSync(join(dir, 'tasks.jsonl'), '{"taskId":"a","status":{"state":"fai');
  const journal = await FileJournal.open(dir, dir);
  expect((await journal.load()).statuses.get('a')).toEqual(status('running'));
  await journal.saveStatus('a', status('failed'));
  expect((await (await FileJournal.open(dir, dir)).load()).statuses.get('a')).toEqual(status('failed'));
});

it('puts the assignments together from the last complete set and what came after it', async () => {
  const dir = folder();
  const journal = await FileJournal.open(dir, dir);
  await journal.saveAssignments(change(1, { complete: true, put: [secret('old')] }));
  await journal.saveAssignments(change(1, { complete: true, put: [secret('a'), secret('b')] }));
  await Promise.all([journal.saveAssignments(change(2, { put: [secret('c'), secret('a', 'again')] })), journal.saveAssignments(change(3, { remove: [{ kind: 'secret', key: 'b' }] }))]);
  appendFileSync(join(dir, 'assignments.jsonl'), '{"epoch":3,"version":4,"complete":true,"put":[');
  const { version, items } = await (await FileJournal.open(dir, dir)).load();
  expect({ version, items }).toEqual({ version: 3, items: [secret('a', 'again'), secret('c')] });
});

it('keeps nothing of a secret or a login that the node is not to know any longer', async () => {
  const dir = folder();
  const journal = await FileJournal.open(dir, dir);
  const hidden: AssignmentItem = { kind: 'secret', key: 'a', value: { id: 'a', name: 'a', data: 'aHVudGVyMg==' } };
  const task = (credentials?: { username: string; password: string }) => ({ kind: 'task', key: 't', value: { id: 't', credentials } }) as unknown as AssignmentItem;
  await journal.saveAssignments(change(1, { complete: true, put: [hidden] }));
  await journal.saveAssignments(change(2, { put: [task({ username: 'me', password: 'hunter3' })] }));
  expect(readFileSync(join(dir, 'assignments.jsonl'), 'utf8')).toMatch(/aHVudGVyMg==.*hunter3/s);
  await journal.saveAssignments(change(3, { put: [task()] }));
  expect(readFileSync(join(dir, 'assignments.jsonl'), 'utf8')).not.toContain('hunter3');
  await journal.saveAssignments(change(4, { remove: [{ kind: 'secret', key: 'a' }] }));
  expect(readFileSync(join(dir, 'assignments.jsonl'), 'utf8')).not.toContain('aHVudGVyMg==');
  expect((await (await FileJournal.open(dir, dir)).load()).version).toBe(4);
});

it('takes over the assignments of an agent that wrote them as one document', async () => {
  const dir = folder();
  writeFileSync(join(dir, 'assignments.json'), JSON.stringify({ epoch: 3, version: 7, items: [secret('a')] }));
  await FileJournal.open(dir, dir);
  expect(existsSync(join(dir, 'assignments.json'))).toBe(false);
  expect(await (await FileJournal.open(dir, dir)).load()).toMatchObject({ epoch: 3, version: 7, items: [secret('a')] });
});

it('says which line of which file it cannot read, and what to do', async () => {
  const dir = folder();
  writeFileSync(join(dir, 'tasks.jsonl'), '{"taskId":"a"}\n\0\0\n');
  await expect(FileJournal.open(dir, dir)).rejects.toThrow(/^line 2 of .*tasks.jsonl is not a record that an agent wrote .* Move the file away/);
});

it('tells everybody whose record was not written, and is whole again with the next one', async () => {
  const dir = folder();
  const journal = await FileJournal.open(dir, dir);
  const path = join(dir, 'tasks.jsonl');
  rmSync(path);
  mkdirSync(path); // nothing can be written
  const saved = await Promise.allSettled([journal.saveStatus('a', status('starting')), journal.saveStatus('b', status('starting'))]);
  expect(saved.map((one) => one.status)).toEqual(['rejected', 'rejected']);
  rmdirSync(path);
  appendFileSync(path, '{"taskId":"half');
  await journal.saveStatus('c', status('starting'));
  expect([...(await (await FileJournal.open(dir, dir)).load()).statuses.keys()]).toEqual(['a', 'b', 'c']);
});

it('does not grow without end, and is private', async () => {
  const dir = folder();
  const journal = await FileJournal.open(dir, dir);
  const long = { ...status('running'), message: 'x'.repeat(1_000) };
  for (let n = 0; n < 1_100; n++) await journal.saveStatus('a', long);
  for (let n = 0; n < 1_100; n++) await journal.saveAssignments(change(n, { put: [secret('a', 'x'.repeat(1_000))] }));
  for (const name of ['tasks.jsonl', 'assignments.jsonl']) {
    expect(readFileSync(join(dir, name), 'utf8').length).toBeLessThan(300 * 1024);
    expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
  }
});
