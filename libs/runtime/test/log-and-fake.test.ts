import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineSplitter, parseLogLine } from '../src/log-line.js';

describe('json-file records', () => {
  test('whole lines and pieces', () => {
    expect(parseLogLine('{"log":"a\\u003cb\\n","stream":"stderr","time":"2026-01-02T03:04:05.6Z"}')).toEqual({ stream: 'stderr', timestamp: '2026-01-02T03:04:05.6Z', text: 'a<b', complete: true });
    expect(parseLogLine('{"log":"half","stream":"stdout","time":"t"}')).toMatchObject({ text: 'half', complete: false });
    expect(parseLogLine('{"log":"cut by a fu')).toBeUndefined();
  });

  test('lines are the same however the bytes arrive', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ''))), fc.integer({ min: 1, max: 9 }), (lines, size) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const splitter = new LineSplitter();
        const found: string[] = [];
        for (let at = 0; at < bytes.length; at += size) found.push(...splitter.push(bytes.subarray(at, at + size)));
        expect(found).toEqual(lines);
      }),
    );
  });
});
