import { Refused } from '../../base/src/index.js';
import type { LogDriver, LogPicks, SyslogFormat, SyslogServer } from '../../model/src/index.js';

/** The log of one container as its shim is told: what stands in every record is prepared here, the shim adds time and text. */
export interface LogPlan {
  kind: keyof typeof logKinds;
  style: number;
  /** 0: no limit. */
  maxSizeBytes: number;
  maxFiles: number;
  compress: boolean;
  /** 0: the container waits for a slow server. */
  bufferBytes: number;
  /** A file's path; `udp:ADDRESS:PORT`, `unixgram:PATH`, … */
  target: string;
  header: Buffer;
}

/** Numbers of the shim's drivers (`enum log_kind`). */
export const logKinds = { none: 0, json: 1, local: 2, syslog: 3, journald: 4 } as const;
/** Ways to write the time (`enum log_style`). */
const timeStyles = { stamp: 0, seconds: 1, microseconds: 2 } as const;
const facilityShift = 8;

export const noLog: LogPlan = { kind: 'none', style: 0, maxSizeBytes: 0, maxFiles: 1, compress: false, bufferBytes: 0, target: '', header: Buffer.alloc(0) };

/** Of the container, what a log may tell. */
export interface LogSubject {
  id: string;
  name: string;
  image: string;
  command: string[];
  labels: Readonly<Record<string, string>>;
  env: readonly string[];
  /** Of the node. */
  hostname: string;
}

export const jsonLogName = 'json.log';
export const localLogName = 'local.log';
const shortIdLength = 12;

/** Of the node. */
export interface LogPlaces {
  /** Where log files go. */
  directory: string;
  /** Journald's socket for its native protocol. */
  journalSocket: string;
}

/** A server's name must be an address by now. */
export function planLog(log: LogDriver, subject: LogSubject, { directory, journalSocket }: LogPlaces): LogPlan {
  const { bufferBytes } = log;
  switch (log.driver) {
    case 'none':
      return noLog;
    case 'json-file':
      return { ...noLog, ...log.rotation, kind: 'json', bufferBytes, target: `${directory}/${jsonLogName}`, header: jsonAttributes(log.picks, log.tag, subject) };
    case 'local':
      return { ...noLog, ...log.rotation, kind: 'local', bufferBytes, target: `${directory}/${localLogName}` };
    case 'syslog': {
      const style = log.format === 'rfc5424' ? timeStyles.seconds : log.format === 'rfc5424micro' ? timeStyles.microseconds : timeStyles.stamp;
      const texts = syslogTexts(log.format, subject.hostname, fillTag(log.tag, subject));
      return { ...noLog, kind: 'syslog', bufferBytes, style: (log.facility << facilityShift) | style, target: serverTarget(log.server), header: Buffer.from(texts.map((text) => `${text}\0`).join('')) };
    }
    case 'journald':
      return { ...noLog, kind: 'journald', bufferBytes, target: `unixgram:${journalSocket}`, header: journalFields(log.picks, fillTag(log.tag, subject), subject) };
  }
}

function serverTarget(server: SyslogServer): string {
  return 'path' in server ? `${server.protocol}:${server.path}` : `${server.protocol}:${server.host}:${server.port}`;
}

/** Before the time, between time and process number, after the number. */
function syslogTexts(format: SyslogFormat, hostname: string, tag: string): [string, string, string] {
  switch (format) {
    case '':
      return ['', ` ${tag}[`, ']: '];
    case 'rfc3164':
      return ['', ` ${hostname} ${tag}[`, ']: '];
    default:
      return ['1 ', ` ${hostname} ${tag} `, ` ${tag} - `];
  }
}

function picked({ labels, labelsPattern, env, envPattern }: LogPicks, subject: LogSubject): Record<string, string> {
  const variables = subject.env.map((entry): [string, string] => [entry.split('=', 1)[0]!, entry.slice(entry.indexOf('=') + 1)]);
  const chosen = (names: readonly string[], pattern: RegExp | undefined) => ([key]: [string, string]) => names.includes(key) || pattern?.test(key) === true;
  return Object.fromEntries([...Object.entries(subject.labels).filter(chosen(labels, labelsPattern)), ...variables.filter(chosen(env, envPattern))]);
}

/** The member `attrs` with its comma, as Go's encoder writes it; empty without any. */
function jsonAttributes(picks: LogPicks, tag: string | undefined, subject: LogSubject): Buffer {
  const attributes = { ...(tag === undefined ? {} : { tag: fillTag(tag, subject) }), ...picked(picks, subject) };
  if (Object.keys(attributes).length === 0) return Buffer.alloc(0);
  const text = JSON.stringify(attributes).replace(/[<>&\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return Buffer.from(`"attrs":${text},`);
}

/** Names of fields: capitals, digits and underscores, none of them first. */
function journalFields(picks: LogPicks, tag: string, subject: LogSubject): Buffer {
  const extra = Object.entries(picked(picks, subject)).map(([key, value]): [string, string] => [key.toUpperCase().replace(/[^A-Z0-9]/g, '_').replace(/^_+/, ''), value]);
  const fields: [string, string][] = [
    ['CONTAINER_ID', subject.id.slice(0, shortIdLength)],
    ['CONTAINER_ID_FULL', subject.id],
    ['CONTAINER_NAME', subject.name],
    ['CONTAINER_TAG', tag],
    ['IMAGE_NAME', subject.image],
    ['SYSLOG_IDENTIFIER', tag],
    ...extra.filter(([key]) => /^[A-Z]/.test(key)),
  ];
  return Buffer.concat(fields.map(journalField));
}

/** A value of several lines has its length before it (systemd's JOURNAL_NATIVE_PROTOCOL). */
function journalField([key, value]: [string, string]): Buffer {
  if (!value.includes('\n')) return Buffer.from(`${key}=${value}\n`);
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([Buffer.from(`${key}\n`), length, bytes, Buffer.from('\n')]);
}

/** The tag's template: Docker's fields, without Go's functions. */
function fillTag(template: string, subject: LogSubject): string {
  const fields: Record<string, string> = {
    ID: subject.id.slice(0, shortIdLength),
    FullID: subject.id,
    Name: subject.name,
    FullName: `/${subject.name}`,
    ImageName: subject.image,
    ImageFullName: subject.image,
    Command: subject.command.join(' '),
    DaemonName: 'shoal',
    Hostname: subject.hostname,
  };
  const text = template.replace(/\{\{([^{}]*)\}\}/g, (whole, expression: string) => {
    const name = /^\s*\.([A-Za-z]+)\s*$/.exec(expression)?.[1];
    if (name === undefined || !Object.hasOwn(fields, name)) throw new Refused('invalid', `log opt tag: ${whole} is none of ${Object.keys(fields).map((field) => `{{.${field}}}`).join(', ')}`);
    return fields[name]!;
  });
  if (/[\0\n]/.test(text)) throw new Refused('invalid', 'log opt tag: it is more than one line');
  return text;
}
