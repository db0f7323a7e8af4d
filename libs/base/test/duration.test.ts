import { expect, test } from 'vitest';
import { formatDuration, parseDuration, parseDurationMs } from '../src/index.js';

test('durations are read as Go writes them', () => {
  expect(['90s', '1m30s', '1.5h', '250ms', '0', '-1s', '500us'].map(parseDurationMs)).toEqual([90_000, 90_000, 5_400_000, 250, 0, -1000, 0.5]);
  expect(['', '5', 'm', '1 s', '1d', '1e3s', '300000h0m', '-'].map(parseDuration)).toEqual([...Array(6).fill(undefined), 300_000n * 3_600_000_000_000n, undefined]);
  expect(parseDuration('9223372036854775808ns')).toBeUndefined();
});

test('and written the same', () => {
  expect(['0', '90s', '1.5h', '250ms', '1500us', '7ns', '-1s'].map((text) => formatDuration(parseDuration(text)!))).toEqual(['0s', '1m30s', '1h30m0s', '250ms', '1.5ms', '7ns', '-1s']);
});
