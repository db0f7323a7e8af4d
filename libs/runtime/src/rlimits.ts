import { Refused } from '../../base/src/index.js';
import { RLIM_INFINITY, RLIMIT, type RlimitName } from './linux.js';

export interface Rlimit {
  name: RlimitName;
  soft: bigint;
  hard: bigint;
}

/** Explicit, so that the limits of the agent's own service never leak into a container. Docker's, as its packages start it. */
const defaults: readonly Rlimit[] = [
  { name: 'core', soft: RLIM_INFINITY, hard: RLIM_INFINITY },
  { name: 'cpu', soft: RLIM_INFINITY, hard: RLIM_INFINITY },
  { name: 'fsize', soft: RLIM_INFINITY, hard: RLIM_INFINITY },
  { name: 'data', soft: RLIM_INFINITY, hard: RLIM_INFINITY },
  { name: 'as', soft: RLIM_INFINITY, hard: RLIM_INFINITY },
  { name: 'stack', soft: 8n << 20n, hard: RLIM_INFINITY },
  { name: 'nproc', soft: RLIM_INFINITY, hard: RLIM_INFINITY },
  { name: 'nofile', soft: 1n << 20n, hard: 1n << 20n },
  { name: 'memlock', soft: 8n << 20n, hard: 8n << 20n },
];

/** Defaults, replaced by name, none above the hard limit that we may give away. */
export function planRlimits(asked: readonly { name: string; soft: number; hard: number }[], hardLimits: ReadonlyMap<RlimitName, bigint>): Rlimit[] {
  const limits = new Map(defaults.map((limit) => [limit.name, limit]));
  for (const limit of asked) limits.set(limitName(limit.name), { name: limitName(limit.name), soft: limitValue(limit.soft), hard: limitValue(limit.hard) });
  return [...limits.values()].map((limit) => clamp(limit, hardLimits.get(limit.name) ?? RLIM_INFINITY));
}

function clamp({ name, soft, hard }: Rlimit, highest: bigint): Rlimit {
  const allowed = hard < highest ? hard : highest;
  return { name, soft: soft < allowed ? soft : allowed, hard: allowed };
}

function limitName(name: string): RlimitName {
  if (name in RLIMIT) return name as RlimitName;
  throw new Refused('invalid', `unknown ulimit "${name}"; known are ${Object.keys(RLIMIT).join(', ')}`);
}

/** -1 means no limit. */
function limitValue(value: number): bigint {
  return value < 0 ? RLIM_INFINITY : BigInt(Math.trunc(value));
}

/** `/proc/self/limits` → hard limits. */
export function parseHardLimits(text: string): Map<RlimitName, bigint> {
  const titles: [string, RlimitName][] = [
    ['Max cpu time', 'cpu'], ['Max file size', 'fsize'], ['Max data size', 'data'], ['Max stack size', 'stack'], ['Max core file size', 'core'],
    ['Max resident set', 'rss'], ['Max processes', 'nproc'], ['Max open files', 'nofile'], ['Max locked memory', 'memlock'],
    ['Max address space', 'as'], ['Max file locks', 'locks'], ['Max pending signals', 'sigpending'], ['Max msgqueue size', 'msgqueue'],
    ['Max nice priority', 'nice'], ['Max realtime priority', 'rtprio'], ['Max realtime timeout', 'rttime'],
  ];
  const limits = new Map<RlimitName, bigint>();
  for (const line of text.split('\n')) {
    const title = titles.find(([start]) => line.startsWith(start));
    const hard = title && line.slice(title[0].length).trim().split(/\s+/)[1];
    if (title && hard) limits.set(title[1], hard === 'unlimited' ? RLIM_INFINITY : BigInt(hard));
  }
  return limits;
}
