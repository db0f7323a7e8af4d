import { describe, expect, test } from 'vitest';
import { parseLogDriver } from '../../model/src/index.js';
import { planLog, type LogSubject } from '../src/log-plan.js';

const mebibyte = 1 << 20;

describe('options', () => {
  test('of files', () => {
    expect(parseLogDriver('json-file', {})).toMatchObject({ rotation: { maxSizeBytes: 10 * mebibyte, maxFiles: 3, compress: false }, bufferBytes: 0 });
    expect(parseLogDriver('json-file', { 'max-size': '1.5k', 'max-file': '2', compress: 'true' })).toMatchObject({ rotation: { maxSizeBytes: 1536, maxFiles: 2, compress: true } });
    expect(parseLogDriver('json-file', { 'max-size': '-1', mode: 'non-blocking', 'max-buffer-size': '4m' })).toMatchObject({ rotation: { maxSizeBytes: 0 }, bufferBytes: 4 * mebibyte });
    expect(parseLogDriver('local', {})).toMatchObject({ rotation: { maxSizeBytes: 20 * mebibyte, maxFiles: 5, compress: true } });
    expect(parseLogDriver('local', { 'max-file': '1' })).toMatchObject({ rotation: { maxFiles: 1, compress: false } });
    expect(parseLogDriver('none', {})).toEqual({ driver: 'none', bufferBytes: 0 });
  });

  test('of syslog', () => {
    expect(parseLogDriver('syslog', {})).toMatchObject({ server: { protocol: 'unixgram', path: '/dev/log' }, facility: 3, format: '', tag: '{{.ID}}' });
    expect(parseLogDriver('syslog', { 'syslog-address': 'tcp://log.example:601', 'syslog-facility': 'local7', 'syslog-format': 'rfc5424', tag: 'x' })).toMatchObject({
      server: { protocol: 'tcp', host: 'log.example', port: 601 }, facility: 23, format: 'rfc5424', tag: 'x',
    });
    expect(parseLogDriver('syslog', { 'syslog-address': 'udp://[fd00::1]' })).toMatchObject({ server: { protocol: 'udp', host: 'fd00::1', port: 514 } });
  });

  test.each([
    ['gelf', {}, 'log driver "gelf" is not here: known are json-file, local, none, syslog, journald'],
    ['json-file', { 'max-sise': '1m' }, 'unknown log opt "max-sise" for log driver json-file'],
    ['none', { tag: 'x' }, 'unknown log opt "tag" for log driver none: it has none'],
    ['json-file', { 'max-size': 'much' }, 'log opt max-size "much" is no size'],
    ['json-file', { 'max-file': '0' }, 'log opt max-file "0" is no number from 1 on'],
    ['json-file', { compress: 'true', 'max-file': '1' }, 'log opt compress needs max-file of 2 or more'],
    ['json-file', { compress: 'maybe' }, 'neither true nor false'],
    ['json-file', { mode: 'sometimes' }, 'it is blocking or non-blocking'],
    ['json-file', { 'max-buffer-size': '1m' }, 'needs mode=non-blocking'],
    ['json-file', { 'env-regex': '(' }, 'is no regular expression'],
    ['syslog', { 'syslog-address': 'tcp+tls://a:1' }, 'tcp+tls is not here'],
    ['syslog', { 'syslog-address': 'log.example' }, 'begins with none of'],
    ['syslog', { 'syslog-address': 'unix://relative' }, 'is not absolute'],
    ['syslog', { 'syslog-address': 'udp://a:99999' }, 'is no udp://host:port'],
    ['syslog', { 'syslog-facility': 'kitchen' }, 'log opt syslog-facility "kitchen"'],
    ['syslog', { 'syslog-format': 'rfc1' }, 'known are rfc3164'],
  ])('%s with %o is refused', (driver, options, words) => {
    expect(() => parseLogDriver(driver, options as Record<string, string>)).toThrow(words);
  });
});

describe('what stands in every record', () => {
  const subject: LogSubject = {
    id: 'abcdefghijklmnop', name: 'web.1.x', image: 'busybox:1', command: ['sh', '-c', 'x'], labels: { 'com.example.tier': 'a<b', other: 'o' }, env: ['A=1=2', 'SECRET=s', 'APP_X=y'], hostname: 'node-1',
  };
  const places = { directory: '/logs', journalSocket: '/journal' };
  const header = (driver: string, options: Record<string, string>) => planLog(parseLogDriver(driver, options), subject, places).header.toString('utf8');

  test('attributes of a json-file', () => {
    expect(header('json-file', {})).toBe('');
    expect(header('json-file', { tag: '{{.Name}}/{{ .ID }}', labels: 'com.example.tier', env: 'A', 'env-regex': '^APP_' })).toBe('"attrs":{"tag":"web.1.x/abcdefghijkl","com.example.tier":"a\\u003cb","A":"1=2","APP_X":"y"},');
  });

  test('texts of syslog', () => {
    const texts = (format: string) => header('syslog', { 'syslog-format': format, tag: '{{.ImageName}}' }).split('\0').slice(0, -1);
    expect(texts('')).toEqual(['', ' busybox:1[', ']: ']);
    expect(texts('rfc3164')).toEqual(['', ' node-1 busybox:1[', ']: ']);
    expect(texts('rfc5424')).toEqual(['1 ', ' node-1 busybox:1 ', ' busybox:1 - ']);
    expect(planLog(parseLogDriver('syslog', { 'syslog-format': 'rfc5424micro', 'syslog-facility': 'user' }), subject, places)).toMatchObject({ style: (1 << 8) | 2, target: 'unixgram:/dev/log' });
  });

  test('fields of journald', () => {
    expect(header('journald', { 'labels-regex': 'tier$', env: 'SECRET' }).split('\n')).toEqual([
      'CONTAINER_ID=abcdefghijkl', 'CONTAINER_ID_FULL=abcdefghijklmnop', 'CONTAINER_NAME=web.1.x', 'CONTAINER_TAG=abcdefghijkl', 'IMAGE_NAME=busybox:1', 'SYSLOG_IDENTIFIER=abcdefghijkl',
      'COM_EXAMPLE_TIER=a<b', 'SECRET=s', '',
    ]);
  });

  test('a tag that cannot be filled is refused', () => {
    expect(() => header('syslog', { tag: '{{.Nonsense}}' })).toThrow('{{.Nonsense}} is none of {{.ID}}');
    expect(() => header('syslog', { tag: 'two\nlines' })).toThrow('more than one line');
  });
});
