import type { ContainerProcess } from '../../../../../libs/runtime/src/runtime.js';
import { ApiError } from '../../http/api-error.js';
import type { Json } from '../json-output.js';

interface Column {
  title: string;
  cell: (process: ContainerProcess, nowMs: number) => string;
}

const user: Column['cell'] = ({ uid }) => (uid === 0 ? 'root' : String(uid));
const cpuPercent: Column['cell'] = ({ cpuMs, startedAtMs }, nowMs) => ((cpuMs / Math.max(1, nowMs - startedAtMs)) * 100).toFixed(1);

/** Columns by the names that `ps -o` knows. */
const columns: Record<string, Column> = {
  pid: { title: 'PID', cell: ({ pid }) => String(pid) },
  ppid: { title: 'PPID', cell: ({ parentPid }) => String(parentPid) },
  user: { title: 'USER', cell: user },
  uid: { title: 'UID', cell: ({ uid }) => String(uid) },
  c: { title: 'C', cell: (process, nowMs) => String(Math.trunc(Number(cpuPercent(process, nowMs)))) },
  pcpu: { title: '%CPU', cell: cpuPercent },
  stime: { title: 'STIME', cell: ({ startedAtMs }, nowMs) => startTime(startedAtMs, nowMs) },
  tty: { title: 'TT', cell: ({ terminal }) => terminal || '?' },
  time: { title: 'TIME', cell: ({ cpuMs }) => clockTime(cpuMs) },
  etime: { title: 'ELAPSED', cell: ({ startedAtMs }, nowMs) => clockTime(nowMs - startedAtMs) },
  stat: { title: 'STAT', cell: ({ state }) => state },
  nlwp: { title: 'NLWP', cell: ({ threads }) => String(threads) },
  rss: { title: 'RSS', cell: ({ residentBytes }) => String(Math.round(residentBytes / 1024)) },
  vsz: { title: 'VSZ', cell: ({ virtualBytes }) => String(Math.round(virtualBytes / 1024)) },
  comm: { title: 'COMMAND', cell: ({ name }) => name },
  args: { title: 'COMMAND', cell: ({ command }) => command },
};
const aliases: Record<string, string> = { cmd: 'args', command: 'args', ucmd: 'comm', ucomm: 'comm', euser: 'user', ruser: 'user', euid: 'uid', '%cpu': 'pcpu', start: 'stime', s: 'stat', state: 'stat', tt: 'tty', tname: 'tty', rssize: 'rss', vsize: 'vsz', cputime: 'time', thcount: 'nlwp' };

const full: Column[] = [
  { title: 'UID', cell: user },
  ...['pid', 'ppid', 'c', 'stime'].map((name) => columns[name]!),
  { title: 'TTY', cell: columns['tty']!.cell },
  columns['time']!,
  { title: 'CMD', cell: columns['args']!.cell },
];
const wide: Column[] = [
  ...['user', 'pid', 'pcpu', 'vsz', 'rss'].map((name) => columns[name]!),
  { title: 'TTY', cell: columns['tty']!.cell },
  columns['stat']!,
  { title: 'START', cell: columns['stime']!.cell },
  columns['time']!,
  columns['args']!,
];

/** `docker top`'s table for the arguments of ps that are understood: `-ef`, `aux`, `-o name,…`. Throws 400 for others. */
export function topTo(psArguments: string): (processes: readonly ContainerProcess[], nowMs: number) => Json {
  const chosen = columnsFor(psArguments);
  return (processes, nowMs) => ({ Titles: chosen.map(({ title }) => title), Processes: processes.map((process) => chosen.map(({ cell }) => cell(process, nowMs))) });
}

function columnsFor(psArguments: string): Column[] {
  const words = psArguments.trim().split(/\s+/);
  const names = outputColumns(words);
  if (names) return names.map(columnNamed);
  if (words.every((word) => /^-?[aux]+$/.test(word)) && words.some((word) => word.includes('u'))) return wide;
  if (words.every((word) => /^-?[aefAx]+$/.test(word))) return full;
  throw new ApiError(400, `ps arguments "${psArguments}" are not understood: give -ef, aux, or -o with names of columns (${Object.keys(columns).join(', ')})`);
}

/** `-o pid,cmd`, `-opid`, `-eo pid -o cmd`, `o pid`; `pid=TITLE` loses its title. */
function outputColumns(words: string[]): string[] | undefined {
  const text = words.join(' ');
  const lists = [...text.matchAll(/(?:^|\s)-?[aefAx]*o\s*([a-z%]+(?:=[^,\s]*)?(?:,[a-z%]+(?:=[^,\s]*)?)*)/g)].map((match) => match[1]!);
  return lists.length === 0 ? undefined : lists.flatMap((list) => list.split(',')).map((name) => name.split('=')[0]!);
}

function columnNamed(name: string): Column {
  const column = columns[aliases[name] ?? name];
  if (!column) throw new ApiError(400, `ps has no column "${name}" here: there are ${Object.keys(columns).join(', ')}`);
  return column;
}

/** `HH:MM` of today, else `Jan02`, as ps has it. */
function startTime(startedAtMs: number, nowMs: number): string {
  const started = new Date(startedAtMs);
  if (nowMs - startedAtMs < 24 * 3_600_000) return started.toISOString().slice(11, 16);
  const [, day, month] = started.toUTCString().split(' ');
  return `${month}${day}`;
}

function clockTime(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  const parts = [Math.trunc(seconds / 3600), Math.trunc(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}
