import { expect, test } from 'vitest';
import { isRefused } from '../../base/src/index.js';
import { latestTick, nextTick, parseCronSchedule } from '../src/cron-schedule.js';
import { isTimeZone } from '../src/time-zone.js';

/** The next times after one, in UTC. */
function ticks(text: string, zone: string, after: string, count: number): string[] {
  const schedule = parseCronSchedule(text);
  const found: string[] = [];
  for (let atMs = Date.parse(after); found.length < count; ) {
    const tick = nextTick(schedule, zone, atMs);
    if (tick === undefined) break;
    found.push(new Date(tick).toISOString().replace('.000Z', 'Z'));
    atMs = tick;
  }
  return found;
}

test.each([
  ['30 2 * * *', ['2024-01-10T02:30:00Z', '2024-01-11T02:30:00Z']],
  ['*/20 * * * *', ['2024-01-09T12:20:00Z', '2024-01-09T12:40:00Z', '2024-01-09T13:00:00Z']],
  ['0 9-17/4 * * mon-fri', ['2024-01-09T13:00:00Z', '2024-01-09T17:00:00Z', '2024-01-10T09:00:00Z']],
  ['0 0 1 jan,JUL *', ['2024-07-01T00:00:00Z', '2025-01-01T00:00:00Z']],
  ['0 0 29 2 *', ['2024-02-29T00:00:00Z', '2028-02-29T00:00:00Z']],
  ['0 0 13 * 5', ['2024-01-12T00:00:00Z', '2024-01-13T00:00:00Z', '2024-01-19T00:00:00Z']],
  ['0 0 * * 7', ['2024-01-14T00:00:00Z', '2024-01-21T00:00:00Z']],
  ['0 0 ? * sun', ['2024-01-14T00:00:00Z', '2024-01-21T00:00:00Z']],
  ['15,45 30 12 * * *', ['2024-01-09T12:30:15Z', '2024-01-09T12:30:45Z', '2024-01-10T12:30:15Z']],
  ['10/25 * * * *', ['2024-01-09T12:10:00Z', '2024-01-09T12:35:00Z', '2024-01-09T13:10:00Z']],
  ['@daily', ['2024-01-10T00:00:00Z', '2024-01-11T00:00:00Z']],
  ['@every 1h30m', ['2024-01-09T13:30:00Z', '2024-01-09T15:00:00Z']],
])('%s', (text, expected) => {
  expect(ticks(text, 'UTC', '2024-01-09T12:00:00Z', expected.length)).toEqual(expected);
});

test('a day that never comes has no time', () => {
  expect(ticks('0 0 31 2 *', 'UTC', '2024-01-01T00:00:00Z', 1)).toEqual([]);
});

test.each([
  ['a time that the clocks skip is made up for when they have', '30 2 * * *', '2024-03-30T12:00:00Z', ['2024-03-31T01:00:00Z', '2024-04-01T00:30:00Z']],
  ['two of them are one', '0,30 2 * * *', '2024-03-30T12:00:00Z', ['2024-03-31T01:00:00Z', '2024-04-01T00:00:00Z']],
  ['what lies after the gap comes at its own time', '0 3 * * *', '2024-03-30T12:00:00Z', ['2024-03-31T01:00:00Z', '2024-04-01T01:00:00Z']],
  ['a time that the clocks show twice counts the first time', '30 2 * * *', '2024-10-26T12:00:00Z', ['2024-10-27T00:30:00Z', '2024-10-28T01:30:00Z']],
  ['also for somebody who asks in between', '30 2 * * *', '2024-10-27T00:45:00Z', ['2024-10-28T01:30:00Z']],
  ['every hour is every hour in spring', '0 * * * *', '2024-03-30T23:30:00Z', ['2024-03-31T00:00:00Z', '2024-03-31T01:00:00Z', '2024-03-31T02:00:00Z']],
  ['and in autumn', '0 * * * *', '2024-10-26T23:30:00Z', ['2024-10-27T00:00:00Z', '2024-10-27T01:00:00Z', '2024-10-27T02:00:00Z']],
  ['every quarter of an hour too', '*/30 * * * *', '2024-10-27T00:15:00Z', ['2024-10-27T00:30:00Z', '2024-10-27T01:00:00Z', '2024-10-27T01:30:00Z', '2024-10-27T02:00:00Z']],
  ['midnight is the local one', '@daily', '2024-06-30T12:00:00Z', ['2024-06-30T22:00:00Z', '2024-07-01T22:00:00Z']],
])('Europe/Berlin: %s', (_what, text, after, expected) => {
  expect(ticks(text, 'Europe/Berlin', after, expected.length)).toEqual(expected);
});

test('clocks that shift by half an hour', () => {
  expect(ticks('15 2 * * *', 'Australia/Lord_Howe', '2024-10-05T00:00:00Z', 2)).toEqual(['2024-10-05T15:30:00Z', '2024-10-06T15:15:00Z']);
  expect(ticks('45 1 * * *', 'Australia/Lord_Howe', '2024-04-06T00:00:00Z', 2)).toEqual(['2024-04-06T14:45:00Z', '2024-04-07T15:15:00Z']);
});

test('a zone in which midnight does not come', () => {
  expect(ticks('0 0 * * *', 'America/Santiago', '2024-09-07T12:00:00Z', 2)).toEqual(['2024-09-08T04:00:00Z', '2024-09-09T03:00:00Z']);
});

test('the year round every time is found once, in order, in zones with all kinds of shifts', () => {
  for (const zone of ['Europe/London', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Africa/Casablanca', 'Pacific/Chatham']) {
    const found = ticks('20 1,2,3 * * *', zone, '2024-01-01T00:00:00Z', 3 * 366);
    const times = found.map((text) => Date.parse(text));
    expect(times.every((atMs, index) => index === 0 || atMs > times[index - 1]!)).toBe(true);
    const span = (times.at(-1)! - times[0]!) / 86_400_000;
    expect(span, zone).toBeGreaterThan(364);
    expect(span, zone).toBeLessThan(368);
  }
});

test('the latest of those that were missed', () => {
  const at = (text: string, since: string, now: string) => new Date(latestTick(parseCronSchedule(text), 'UTC', Date.parse(since), Date.parse(now))).toISOString();
  expect(at('*/5 * * * *', '2023-01-01T00:00:00Z', '2024-01-09T12:03:00Z')).toBe('2024-01-09T12:00:00.000Z');
  expect(at('0 0 1 1 *', '2020-01-01T00:00:00Z', '2024-06-09T12:03:00Z')).toBe('2024-01-01T00:00:00.000Z');
  expect(at('0 0 1 * *', '2024-01-01T00:00:00Z', '2024-01-20T12:03:00Z')).toBe('2024-01-01T00:00:00.000Z');
  expect(at('@every 1h', '2024-01-01T00:10:00Z', '2024-01-01T05:00:00Z')).toBe('2024-01-01T04:10:00.000Z');
});

test.each([
  ['* * * *', 'it has five fields'],
  ['60 * * * *', '"60" is not between 0 and 59'],
  ['* * 0 * *', '"0" is not between 1 and 31'],
  ['*/0 * * * *', '"*/0" is none of'],
  ['5-1 * * * *', '"5-1" ends before it begins'],
  ['* * * foo *', '"foo" is not between 1 and 12'],
  ['@every soon', 'after @every stands a duration'],
  ['@fortnightly', 'it has five fields'],
  ['', 'it has five fields'],
])('"%s" is refused with the reason', (text, reason) => {
  try {
    parseCronSchedule(text);
    expect.unreachable();
  } catch (error) {
    expect(isRefused(error, 'invalid') && error.message).toContain(reason);
  }
});

test('names of zones', () => {
  expect(['UTC', 'Europe/Berlin', 'Europe/Entenhausen', ''].map(isTimeZone)).toEqual([true, true, false, false]);
});
