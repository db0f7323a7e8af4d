import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refused } from '../../../libs/base/src/index.js';
import { describeFeatures } from '../../../libs/runtime/src/oci/features.js';
import type { OciResources } from '../../../libs/runtime/src/oci/index.js';
import { readJson } from '../../../libs/runtime/src/oci/read-spec.js';
import { exampleSpec } from '../../../libs/runtime/src/oci/example-spec.js';
import type { ParsedArguments } from './arguments.js';
import { onlyId, type Command } from './command.js';
import { version } from './place.js';

export const psCommand: Command = {
  about: 'lists the processes of a container',
  usage: '[--format table|json] CONTAINER [PS OPTION...]',
  flags: { format: 'text' },
  wordsEndFlags: true,
  shorts: { f: 'format' },
  run({ args, containers }) {
    const [id = '', ...psArguments] = args.words;
    const pids = containers().processes(id);
    if (args.text('format') === 'json') return print(JSON.stringify(pids));
    return print(processTable(pids, psArguments.length > 0 ? psArguments : ['-ef']));
  },
};

/** The lines of ps(1) that belong to these processes, under its own head. */
function processTable(pids: readonly number[], psArguments: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync('ps', psArguments, { encoding: 'utf8' });
  if (error || status !== 0) throw new Refused('precondition', `ps ${psArguments.join(' ')}: ${error?.message ?? stderr.trim()}`);
  const [head = '', ...lines] = stdout.split('\n');
  const column = head.trim().split(/\s+/).indexOf('PID');
  if (column < 0) throw new Refused('invalid', `couldn't find PID field in ps output: ps ${psArguments.join(' ')}`);
  const wanted = new Set(pids.map(String));
  return [head, ...lines.filter((line) => wanted.has(line.trim().split(/\s+/)[column] ?? ''))].join('\n');
}

export const listCommand: Command = {
  about: 'lists the containers below --root',
  usage: '[--format table|json] [--quiet]',
  flags: { format: 'text', quiet: 'switch' },
  shorts: { f: 'format', q: 'quiet' },
  run({ args, containers }) {
    const all = containers();
    const rows = all.store.list().map((container) => {
      const { pid, status, id, bundle, annotations } = all.state(container.id);
      return { ociVersion: container.spec.ociVersion, id, pid: pid ?? 0, status, bundle, rootfs: join(bundle, container.spec.root?.path ?? ''), created: container.created, ...(annotations ? { annotations } : {}), owner: container.owner };
    });
    if (args.has('quiet')) return print(rows.map(({ id }) => id).join('\n'));
    if (args.text('format') === 'json') return print(JSON.stringify(rows));
    if (![undefined, 'table'].includes(args.text('format'))) throw new Refused('invalid', `invalid format option "${args.text('format')}": table or json`);
    return print(table([['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'], ...rows.map(({ id, pid, status, bundle, created, owner }) => [id, String(pid), status, bundle, created, owner])]));
  },
};

function table(rows: readonly string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]! + 3)).join('').trimEnd()).join('\n');
}

const standardInput = 0;

export const updateCommand: Command = {
  about: 'changes the limits of a container',
  usage: '[--resources FILE|-] [--memory BYTES] [--cpu-quota US] ... CONTAINER',
  flags: {
    resources: 'text', 'blkio-weight': 'text', 'cpu-period': 'text', 'cpu-quota': 'text', 'cpu-burst': 'text', 'cpu-share': 'text', 'cpu-shares': 'text', 'cpu-rt-period': 'text',
    'cpu-rt-runtime': 'text', 'cpuset-cpus': 'text', 'cpuset-mems': 'text', 'kernel-memory': 'text', 'kernel-memory-tcp': 'text', memory: 'text',
    'memory-reservation': 'text', 'memory-swap': 'text', 'pids-limit': 'text', 'cpu-idle': 'text', 'l3-cache-schema': 'text', 'mem-bw-schema': 'text',
  },
  shorts: { r: 'resources' },
  run({ args, containers }) {
    for (const flag of ['l3-cache-schema', 'mem-bw-schema']) if (args.has(flag)) throw new Refused('unsupported', `--${flag}: Intel RDT is not supported`);
    containers().update(onlyId(args), resourcesOf(args));
    return 0;
  },
};

function resourcesOf(args: ParsedArguments): OciResources {
  const file = args.text('resources');
  if (file) return (file === '-' ? JSON.parse(readFileSync(standardInput, 'utf8')) : readJson(file, 'resources file not found')) as OciResources;
  const bytes = (name: string) => (args.has(name) ? { value: parseBytes(name, args.text(name)!) } : undefined);
  const number = (name: string) => (args.has(name) ? { value: parseNumber(name, args.text(name)!) } : undefined);
  const pick = (entries: Record<string, { value: unknown } | undefined>) =>
    Object.fromEntries(Object.entries(entries).flatMap(([key, entry]) => (entry ? [[key, entry.value]] : [])));
  const text = (name: string) => (args.has(name) ? { value: args.text(name) } : undefined);
  return {
    cpu: pick({
      shares: number('cpu-share') ?? number('cpu-shares'), quota: number('cpu-quota'), burst: number('cpu-burst'), period: number('cpu-period'), idle: number('cpu-idle'),
      realtimePeriod: number('cpu-rt-period'), realtimeRuntime: number('cpu-rt-runtime'), cpus: text('cpuset-cpus'), mems: text('cpuset-mems'),
    }),
    memory: pick({ limit: bytes('memory'), reservation: bytes('memory-reservation'), swap: bytes('memory-swap') }),
    pids: pick({ limit: number('pids-limit') }),
    blockIO: pick({ weight: number('blkio-weight') }),
  };
}

function parseNumber(name: string, text: string): number {
  if (!/^-?[0-9]+$/.test(text)) throw new Refused('invalid', `invalid value for ${name}: ${text}`);
  return Number(text);
}

/** `-1`, or a number with the units of Docker: b, k, m, g. */
function parseBytes(name: string, text: string): number {
  const [, number, unit = ''] = /^(-1|[0-9]+(?:\.[0-9]+)?)\s*([bkmgt]?)i?b?$/i.exec(text) ?? [];
  if (number === undefined) throw new Refused('invalid', `invalid value for ${name}: ${text}`);
  return Number(number) < 0 ? -1 : Math.floor(Number(number) * 1024 ** 'bkmgt'.indexOf(unit.toLowerCase() || 'b'));
}

export const eventsCommand: Command = {
  about: 'prints the statistics of a container, and when it runs out of memory',
  usage: '[--stats] [--interval 5s] CONTAINER',
  flags: { stats: 'switch', interval: 'text' },
  async run({ args, containers }) {
    const id = onlyId(args);
    const all = containers();
    if (args.has('stats')) return print(JSON.stringify({ type: 'stats', id, data: all.statistics(id) }));
    for await (const event of all.events(id, parseDuration(args.text('interval') ?? '5s'))) print(JSON.stringify(event));
    return 0;
  },
};

function parseDuration(text: string): number {
  const [, number, unit = ''] = /^([0-9.]+)(ms|s|m)$/.exec(text) ?? [];
  const milliseconds = Number(number) * ({ ms: 1, s: 1000, m: 60_000 }[unit] ?? NaN);
  if (!(milliseconds > 0)) throw new Refused('invalid', 'duration interval must be greater than 0: such as 5s or 100ms');
  return milliseconds;
}

export const featuresCommand: Command = {
  about: 'prints what this runtime supports',
  usage: '',
  flags: {},
  run: () => print(JSON.stringify(describeFeatures(version), null, 4)),
};

export const specCommand: Command = {
  about: 'writes an example config.json',
  usage: '[--bundle DIR] [--rootless]',
  flags: { bundle: 'text', rootless: 'switch' },
  shorts: { b: 'bundle' },
  run({ args }) {
    const path = join(args.text('bundle') ?? '.', 'config.json');
    if (existsSync(path)) throw new Refused('already-exists', `File ${path} exists. Remove it first`);
    writeFileSync(path, `${JSON.stringify(exampleSpec(existsSync('/sys/fs/cgroup/cgroup.controllers')), null, 2)}\n`, { mode: 0o666 });
    return 0;
  },
};

function print(text: string): number {
  if (text) process.stdout.write(`${text}\n`);
  return 0;
}
