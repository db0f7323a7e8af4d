import { Refused } from '../../base/src/index.js';

/** Where the output of a container goes, with every option understood. Names and defaults are Docker's. */
export type LogDriver = { /** 0: the container waits for a slow reader. */ bufferBytes: number } & (
  | { driver: 'none' }
  | { driver: 'json-file'; rotation: LogRotation; picks: LogPicks; /** Absent: not in the records. */ tag?: string }
  | { driver: 'local'; rotation: LogRotation }
  | { driver: 'syslog'; server: SyslogServer; facility: number; format: SyslogFormat; tag: string }
  | { driver: 'journald'; picks: LogPicks; tag: string }
);

export interface LogRotation {
  /** 0: no limit. */
  maxSizeBytes: number;
  maxFiles: number;
  compress: boolean;
}

/** Which labels and variables of the container become part of each record. */
export interface LogPicks {
  labels: string[];
  labelsPattern?: RegExp;
  env: string[];
  envPattern?: RegExp;
}

export type SyslogServer = { protocol: 'udp' | 'tcp'; host: string; port: number } | { protocol: 'unix' | 'unixgram'; path: string };

/** `''`: what the C library's syslog() sends. */
export type SyslogFormat = '' | 'rfc3164' | 'rfc5424' | 'rfc5424micro';

export type LogOptionMap = Readonly<Record<string, string>>;

export const logDrivers = ['json-file', 'local', 'none', 'syslog', 'journald'] as const;

const everyDriver = ['mode', 'max-buffer-size'];
const picking = ['labels', 'labels-regex', 'env', 'env-regex', 'tag'];
const rotating = ['max-size', 'max-file', 'compress'];
const knownOptions: Record<(typeof logDrivers)[number], readonly string[]> = {
  none: [],
  'json-file': [...everyDriver, ...rotating, ...picking],
  local: [...everyDriver, ...rotating],
  syslog: [...everyDriver, ...picking, 'syslog-address', 'syslog-facility', 'syslog-format'],
  journald: [...everyDriver, ...picking],
};

const mebibyte = 1024 * 1024;
const defaultTag = '{{.ID}}';
const localRotation = { maxSizeBytes: 20 * mebibyte, maxFiles: 5 };
/** Docker keeps a json-file for ever by default; a full disk is what its users suffer from, so ours rotates. */
const jsonRotation = { maxSizeBytes: 10 * mebibyte, maxFiles: 3 };
const syslogPort = 514;

/** Throws `Refused` for what is unknown, malformed, or not here. */
export function parseLogDriver(name: string, options: LogOptionMap): LogDriver {
  if (!isLogDriver(name)) throw new Refused('unsupported', `log driver "${name}" is not here: known are ${logDrivers.join(', ')}`);
  const unknown = Object.keys(options).find((key) => !knownOptions[name].includes(key));
  if (unknown !== undefined) throw new Refused('invalid', unknownOptionWords(name, unknown));
  const bufferBytes = parseMode(options);
  switch (name) {
    case 'none':
      return { driver: name, bufferBytes };
    case 'json-file':
      return { driver: name, bufferBytes, rotation: parseRotation(options, jsonRotation, false), picks: parsePicks(options), ...(options['tag'] ? { tag: options['tag'] } : {}) };
    case 'local':
      return { driver: name, bufferBytes, rotation: parseRotation(options, localRotation, true) };
    case 'syslog':
      return {
        driver: name, bufferBytes, server: parseSyslogAddress(options['syslog-address']), facility: parseFacility(options['syslog-facility']),
        format: parseSyslogFormat(options['syslog-format']), tag: options['tag'] || defaultTag,
      };
    case 'journald':
      return { driver: name, bufferBytes, picks: parsePicks(options), tag: options['tag'] || defaultTag };
  }
}

function isLogDriver(name: string): name is (typeof logDrivers)[number] {
  return (logDrivers as readonly string[]).includes(name);
}

function unknownOptionWords(driver: keyof typeof knownOptions, option: string): string {
  const known = knownOptions[driver];
  return `unknown log opt "${option}" for log driver ${driver}: ${known.length > 0 ? `known are ${known.join(', ')}` : 'it has none'}`;
}

function parseMode(options: LogOptionMap): number {
  const mode = options['mode'] || 'blocking';
  const size = options['max-buffer-size'];
  if (mode !== 'blocking' && mode !== 'non-blocking') throw new Refused('invalid', `log opt mode "${mode}": it is blocking or non-blocking`);
  if (size !== undefined && mode === 'blocking') throw new Refused('invalid', 'log opt max-buffer-size needs mode=non-blocking');
  return mode === 'blocking' ? 0 : Math.max(1, size === undefined ? mebibyte : parseSize('max-buffer-size', size));
}

function parseRotation(options: LogOptionMap, defaults: { maxSizeBytes: number; maxFiles: number }, compressByDefault: boolean): LogRotation {
  const { 'max-size': size, 'max-file': count, compress } = options;
  const maxSizeBytes = size === undefined ? defaults.maxSizeBytes : size === '-1' ? 0 : parseSize('max-size', size);
  const maxFiles = count === undefined ? defaults.maxFiles : parseCount('max-file', count);
  const canCompress = maxFiles > 1 && maxSizeBytes > 0;
  const wanted = compress === undefined ? compressByDefault && canCompress : parseBoolean('compress', compress);
  if (wanted && !canCompress) throw new Refused('invalid', 'log opt compress needs max-file of 2 or more, and a max-size');
  return { maxSizeBytes, maxFiles, compress: wanted };
}

/** `10m`, `1.5g`, `4096`: powers of 1024. */
function parseSize(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  if (!match) throw new Refused('invalid', `log opt ${option} "${text}" is no size such as 10m`);
  const bytes = Math.floor(Number(match[1]) * 1024 ** ' kmgt'.indexOf(match[2]!.toLowerCase() || ' '));
  if (bytes < 1 || bytes > 2 ** 32 - 1 && option === 'max-buffer-size') throw new Refused('invalid', `log opt ${option} "${text}" is out of range`);
  return bytes;
}

function parseCount(option: string, text: string): number {
  if (!/^\d{1,6}$/.test(text) || Number(text) < 1) throw new Refused('invalid', `log opt ${option} "${text}" is no number from 1 on`);
  return Number(text);
}

function parseBoolean(option: string, text: string): boolean {
  if (['1', 't', 'true'].includes(text.toLowerCase())) return true;
  if (['0', 'f', 'false'].includes(text.toLowerCase())) return false;
  throw new Refused('invalid', `log opt ${option} "${text}" is neither true nor false`);
}

function parsePicks(options: LogOptionMap): LogPicks {
  const labelsPattern = parsePattern('labels-regex', options['labels-regex']);
  const envPattern = parsePattern('env-regex', options['env-regex']);
  return {
    labels: splitNames(options['labels']),
    env: splitNames(options['env']),
    ...(labelsPattern ? { labelsPattern } : {}),
    ...(envPattern ? { envPattern } : {}),
  };
}

function splitNames(text = ''): string[] {
  return text.split(',').map((name) => name.trim()).filter((name) => name !== '');
}

function parsePattern(option: string, text: string | undefined): RegExp | undefined {
  if (!text) return undefined;
  try {
    return new RegExp(text);
  } catch (error) {
    throw new Refused('invalid', `log opt ${option} "${text}" is no regular expression`, { cause: error });
  }
}

function parseSyslogAddress(text: string | undefined): SyslogServer {
  if (!text) return { protocol: 'unixgram', path: '/dev/log' };
  const [, protocol = '', rest = ''] = /^([a-z0-9+]+):\/\/(.*)$/.exec(text) ?? [];
  if (protocol === 'unix' || protocol === 'unixgram') {
    if (!rest.startsWith('/')) throw new Refused('invalid', `log opt syslog-address "${text}": the path is not absolute`);
    return { protocol, path: rest };
  }
  if (protocol === 'tcp+tls') throw new Refused('unsupported', 'log opt syslog-address: tcp+tls is not here; use tcp to a relay on the same node');
  if (protocol !== 'udp' && protocol !== 'tcp') throw new Refused('invalid', `log opt syslog-address "${text}" begins with none of udp://, tcp://, unix:// and unixgram://`);
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]]+))(?::(\d{1,5}))?$/.exec(rest);
  const port = Number(match?.[3] ?? syslogPort);
  if (!match || port < 1 || port > 65535) throw new Refused('invalid', `log opt syslog-address "${text}" is no ${protocol}://host:port`);
  return { protocol, host: match[1] ?? match[2]!, port };
}

/** RFC 5424, section 6.2.1, by the names that syslog.conf knows. */
const facilities = ['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp'];
const firstLocalFacility = 16;
const lastFacility = 23;

function parseFacility(text = 'daemon'): number {
  const local = /^local([0-7])$/.exec(text);
  const number = /^\d{1,2}$/.test(text) ? Number(text) : local ? firstLocalFacility + Number(local[1]) : facilities.indexOf(text);
  if (number < 0 || number > lastFacility) throw new Refused('invalid', `log opt syslog-facility "${text}": known are ${facilities.join(', ')}, local0 to local7`);
  return number;
}

function parseSyslogFormat(text = ''): SyslogFormat {
  if (text === '' || text === 'rfc3164' || text === 'rfc5424' || text === 'rfc5424micro') return text;
  throw new Refused('invalid', `log opt syslog-format "${text}": known are rfc3164, rfc5424 and rfc5424micro`);
}
