import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { TaskStatus } from '../../../libs/model/src/index.js';
import { FileJournal } from '../src/file-journal.js';

const status = (state: TaskStatus['state']): TaskStatus => ({ state, timestamp: 't', message: '', error: '' });

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
  await journal.saveAssignments({ epoch: 3, version: 9, items: [] });
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

it('does not grow without end, and is private', async () => {
  const dir = folder();
  const journal = await FileJournal.open(dir, dir);
  for (let n = 0; n < 1_100; n++) await journal.saveStatus('a', status('running'));
  expect(readFileSync(join(dir, 'tasks.jsonl'), 'utf8').split('\n').length).toBeLessThan(200);
  expect(statSync(join(dir, 'tasks.jsonl')).mode & 0o777).toBe(0o600);
});
