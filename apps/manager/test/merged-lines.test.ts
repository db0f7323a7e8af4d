import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { maxWaitingLines, MergedLines } from '../src/engine-api/merged-lines.js';
import type { LogLine } from '../src/http/tokens.js';

function aSource(count: number) {
  const source = { asked: 0, ended: false, lines };
  async function* lines(): AsyncGenerator<LogLine> {
    try {
      while (source.asked < count) yield { taskId: 't', stderr: false, timestamp: '', text: String(source.asked++) };
    } finally {
      source.ended = true;
    }
  }
  return source;
}

test('a source gets no further ahead of the reader than the limit, and loses nothing', async () => {
  const merged = new MergedLines(new AbortController().signal);
  const source = aSource(3 * maxWaitingLines);
  merged.add(source.lines());
  const lines = merged.lines()[Symbol.asyncIterator]();
  for (let read = 0; read < 3 * maxWaitingLines; read++) {
    expect((await lines.next()).value.text).toBe(String(read));
    if (read % 500 === 0) for (let turn = 0; turn < 3; turn++) await setImmediate();
    expect(source.asked - read).toBeLessThanOrEqual(2 * maxWaitingLines);
  }
});

test('the end of the reader ends a source that waits for it', async () => {
  const abort = new AbortController();
  const merged = new MergedLines(abort.signal);
  const source = aSource(Infinity);
  merged.add(source.lines());
  const lines = merged.lines()[Symbol.asyncIterator]();
  await lines.next();
  abort.abort();
  while (!source.ended) await setImmediate();
});

test('what a source fails with reaches the reader, after the lines before it', async () => {
  const merged = new MergedLines(new AbortController().signal);
  merged.add(
    (async function* () {
      yield* aSource(1).lines();
      throw new Error('the node went away');
    })(),
  );
  const lines = merged.lines()[Symbol.asyncIterator]();
  expect((await lines.next()).value.text).toBe('0');
  await expect(lines.next()).rejects.toThrow('the node went away');
});
