import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ContainerLogs } from '../src/container-logs.js';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'shoal-logs-'))));
afterEach(() => rmSync(directory, { recursive: true }));

/** As the shim's log-local.c writes it. */
function localRecord(text: string): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32LE(9 + text.length, 0);
  return Buffer.concat([head, Buffer.from(text)]);
}

test('who begins to follow in the middle of a rotation, when the log has no file of its name, misses nothing', async () => {
  const logs = new ContainerLogs(directory, '');
  mkdirSync(join(directory, 'c1'));
  writeFileSync(join(directory, 'c1/local.log.1'), localRecord('before'));
  const signal = AbortSignal.timeout(30_000);
  const texts: string[] = [];
  for await (const { text } of logs.read('c1', 'local', { follow: true, signal }, () => new Promise(() => undefined))) {
    texts.push(text);
    if (text === 'before') writeFileSync(join(directory, 'c1/local.log'), localRecord('after'));
    if (text === 'after') break;
  }
  expect(texts).toEqual(['before', 'after']);
});

test('the log of a container that is gone is found, whichever driver wrote it', async () => {
  const logs = new ContainerLogs(directory, '');
  mkdirSync(join(directory, 'c1'));
  writeFileSync(join(directory, 'c1/local.log.1'), localRecord('before'));
  const texts: string[] = [];
  for await (const { text } of logs.read('c1', undefined, { follow: false, signal: AbortSignal.timeout(30_000) }, () => Promise.resolve())) texts.push(text);
  expect(texts).toEqual(['before']);
});
