import { expect, test } from 'vitest';
import { UsageBook } from '../src/dispatch/usage.js';

const read = (readAtMs: number, cpuMs: number) => [{ taskId: 't', readAtMs, cpuNs: cpuMs * 1e6, memoryBytes: 7 }];

test('two looks at a task tell what it uses, by the clock of its node', () => {
  const book = new UsageBook();
  book.note(read(1_000, 500), 0);
  expect(book.loadOf('t', 0)).toBeUndefined();
  book.note(read(3_000, 3_500), 9_000);
  expect(book.loadOf('t', 9_000)).toEqual({ cpus: 1.5, memoryBytes: 7 });
});

test('a counter that began anew, or a clock that stood, tells nothing; nor does what is old', () => {
  const book = new UsageBook();
  book.note(read(1_000, 500), 0);
  book.note(read(2_000, 100), 1_000);
  expect(book.loadOf('t', 1_000)).toBeUndefined();
  book.note(read(2_000, 200), 2_000);
  expect(book.loadOf('t', 2_000)).toBeUndefined();
  book.note(read(3_000, 300), 3_000);
  expect(book.loadOf('t', 3_000)).toBeDefined();
  expect(book.loadOf('t', 40_000)).toBeUndefined();
  book.forgetOld(40_000);
  book.note(read(4_000, 400), 41_000);
  expect(book.loadOf('t', 41_000)).toBeUndefined();
});
