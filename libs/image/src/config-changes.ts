import { posix } from 'node:path';
import { parseDuration, Refused } from '../../base/src/index.js';

type OciConfig = Record<string, unknown>;
type Instruction = (config: OciConfig, rest: string) => void;

/** What may be changed when an image is made of a container: Docker's list. */
const instructions: Record<string, Instruction> = {
  CMD: (config, rest) => (config['Cmd'] = command(config, rest)),
  ENTRYPOINT: (config, rest) => (config['Entrypoint'] = command(config, rest)),
  ENV: (config, rest) => {
    for (const [key, value] of pairs('ENV', rest)) config['Env'] = [...texts(config['Env']).filter((each) => !each.startsWith(`${key}=`)), `${key}=${value}`];
  },
  EXPOSE: (config, rest) => {
    for (const port of words(rest)) config['ExposedPorts'] = { ...object(config['ExposedPorts']), [exposedPort(port)]: {} };
  },
  HEALTHCHECK: (config, rest) => (config['Healthcheck'] = healthcheck(rest)),
  LABEL: (config, rest) => (config['Labels'] = { ...object(config['Labels']), ...Object.fromEntries(pairs('LABEL', rest)) }),
  ONBUILD: (config, rest) => (config['OnBuild'] = [...texts(config['OnBuild']), rest]),
  STOPSIGNAL: (config, rest) => (config['StopSignal'] = rest),
  USER: (config, rest) => (config['User'] = rest),
  VOLUME: (config, rest) => {
    for (const path of jsonWords(rest) ?? words(rest)) config['Volumes'] = { ...object(config['Volumes']), [path]: {} };
  },
  WORKDIR: (config, rest) => (config['WorkingDir'] = posix.resolve('/', String(config['WorkingDir'] || '/'), rest)),
};

/** The `config` of an OCI image after lines of a Dockerfile. Throws `Refused('invalid')` for a line that cannot be one. */
export function applyChanges(config: OciConfig, changes: readonly string[]): OciConfig {
  const changed = { ...config };
  const names = new Set<string>();
  for (const line of changes) {
    const [, name = '', rest = ''] = /^\s*([A-Za-z]+)\s+(.*?)\s*$/s.exec(line) ?? [];
    const instruction = instructions[name.toUpperCase()];
    if (!instruction || rest === '') throw new Refused('invalid', `"${line}" is no change of an image; known are ${Object.keys(instructions).join(', ')}, each with a value`);
    instruction(changed, rest);
    names.add(name.toUpperCase());
  }
  // The arguments were those of the old entrypoint.
  if (names.has('ENTRYPOINT') && !names.has('CMD')) delete changed['Cmd'];
  return changed;
}

/** `["a", "b"]`, or a line for the image's shell. */
function command(config: OciConfig, rest: string): string[] {
  const shell = texts(config['Shell']);
  return jsonWords(rest) ?? [...(shell.length > 0 ? shell : ['/bin/sh', '-c']), rest];
}

function jsonWords(rest: string): string[] | undefined {
  if (!rest.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(rest);
    return Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : undefined;
  } catch {
    return undefined; // Docker, too, takes it for a shell's line then
  }
}

/** Split at blanks, with the quotes and backslashes of a shell. */
function words(rest: string): string[] {
  return [...rest.matchAll(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/gs)].map(([word]) => unquote(word));
}

function unquote(word: string): string {
  return word.replace(/"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs, (_, double?: string, single?: string, escaped?: string) => double?.replace(/\\(["\\$])/g, '$1') ?? single ?? escaped ?? '');
}

/** `a=b c="d e"`, or the old form of one pair without `=`. */
function pairs(name: string, rest: string): [string, string][] {
  const given = words(rest);
  if (!given[0]?.includes('=')) {
    const [, key, value] = /^(\S+)\s+(.+)$/s.exec(rest) ?? [];
    if (key === undefined || value === undefined) throw new Refused('invalid', `${name} must have a name and a value: "${rest}"`);
    return [[key, value]];
  }
  return given.map((word) => {
    const equals = word.indexOf('=');
    if (equals < 1) throw new Refused('invalid', `${name} must have pairs name=value; "${word}" is none`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

function exposedPort(text: string): string {
  const match = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(text);
  if (!match || Number(match[1]) > 65_535) throw new Refused('invalid', `EXPOSE: "${text}" is no port`);
  return `${match[1]}/${(match[2] ?? 'tcp').toLowerCase()}`;
}

const healthcheckFlags: Record<string, string> = { interval: 'Interval', timeout: 'Timeout', 'start-period': 'StartPeriod', 'start-interval': 'StartInterval', retries: 'Retries' };

/** `NONE`, or `[--interval=…] … CMD command`. */
function healthcheck(rest: string): OciConfig {
  if (/^none$/i.test(rest)) return { Test: ['NONE'] };
  const [, flags = '', test = ''] = /^((?:--\S+\s+)*)cmd\s+(.+)$/is.exec(rest) ?? [];
  if (test === '') throw new Refused('invalid', `HEALTHCHECK must be NONE or CMD with a command: "${rest}"`);
  const exec = jsonWords(test);
  const check: OciConfig = { Test: exec ? ['CMD', ...exec] : ['CMD-SHELL', test] };
  for (const flag of words(flags)) {
    const [, name = '', value = ''] = /^--([a-z-]+)=(.+)$/.exec(flag) ?? [];
    const field = healthcheckFlags[name];
    const number = field === 'Retries' ? Number(value) : Number(parseDuration(value) ?? NaN);
    if (!field || !Number.isInteger(number) || number < 0) throw new Refused('invalid', `HEALTHCHECK: "${flag}" is no option of it`);
    check[field] = number;
  }
  return check;
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
