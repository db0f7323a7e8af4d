import type { Command } from 'commander';
import type { IncomingMessage } from 'node:http';
import { parseDurationMs } from '../../../../libs/base/src/index.js';
import { isNotFound } from '../api-client/errors.js';
import { demultiplex } from '../api-client/frames.js';
import type { Service, Task } from '../api-client/types.js';
import { badUsage, exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';
import { LinePrefixer, LineSplitter } from './log-lines.js';
import { noSuch } from './lookup.js';

interface LogFlags {
  follow?: boolean;
  tail: string;
  since?: string;
  timestamps?: boolean;
  raw?: boolean;
  /** Each is false with its --no- form. */
  resolve: boolean;
  trunc: boolean;
  taskIds: boolean;
}

export function define(command: Command, session: Session): void {
  command
    .argument('<service|task>', 'name or id')
    .option('-f, --follow', 'go on with new lines')
    .option('-n, --tail <lines>', 'only the last lines of each task', 'all')
    .option('--since <time>', 'only what is newer: a time stamp, or an age such as 10m')
    .option('-t, --timestamps', 'begin lines with their time')
    .option('--raw', 'lines as they are, without the name of their task')
    .option('--no-resolve', 'ids instead of names')
    .option('--no-trunc', 'full ids of tasks')
    .option('--no-task-ids', 'no ids of tasks')
    .action((reference: string, flags: LogFlags) => showLogs(session, reference, flags));
}

async function showLogs(session: Session, reference: string, flags: LogFlags): Promise<void> {
  if (flags.tail !== 'all' && !/^\d+$/.test(flags.tail)) throw badUsage(`--tail: "${flags.tail}" is neither a number nor "all"`);
  const source = await findSource(session, reference);
  if (source.tty && !flags.raw) {
    throw new Failure(exitStatus.failed, 'the tasks have a terminal, whose lines cannot be told apart: use --raw');
  }
  const query = {
    stdout: 1,
    stderr: 1,
    tail: flags.tail,
    follow: flags.follow ? 1 : undefined,
    timestamps: flags.timestamps ? 1 : undefined,
    details: flags.raw ? undefined : 1,
    since: flags.since && sinceSeconds(flags.since, session.clock.wallMs()),
  };
  const body = await session.api().stream(`${source.path}/logs`, { query, signal: session.interrupt });
  await copyLog(session, body, source.tty, flags);
}

interface LogSource {
  path: string;
  tty: boolean;
}

/** A service by that name, or else a task by that id. */
async function findSource(session: Session, reference: string): Promise<LogSource> {
  const api = session.api();
  try {
    const path = `/services/${encodeURIComponent(reference)}`;
    const service = await api.get<Service>(path, { query: { insertDefaults: false } });
    return { path, tty: service.Spec.TaskTemplate.ContainerSpec?.TTY ?? false };
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  try {
    const task = await api.get<Task>(`/tasks/${encodeURIComponent(reference)}`);
    return { path: `/tasks/${task.ID}`, tty: task.Spec.ContainerSpec?.TTY ?? false };
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new Failure(exitStatus.failed, (await noSuch(api, 'service', reference)).replace('service', 'service or task'));
  }
}

async function copyLog(session: Session, body: IncomingMessage, tty: boolean, flags: LogFlags): Promise<void> {
  const outputs = { 1: session.out, 2: session.err } as const;
  const splitters = { 1: new LineSplitter(), 2: new LineSplitter() } as const;
  const prefixer = flags.raw ? undefined : new LinePrefixer(session.api(), flags);
  const print = async (stream: 1 | 2, line: string) => outputs[stream].write(prefixer ? await prefixer.prefixed(line) : line);
  for await (const { stream, payload } of demultiplex(body, tty)) {
    if (stream === 3) session.err.write(`${payload.toString('utf8').trimEnd()}\n`);
    else if (tty) session.out.write(payload.toString('utf8'));
    else for (const line of splitters[stream === 2 ? 2 : 1].lines(payload)) await print(stream === 2 ? 2 : 1, line);
  }
  for (const stream of [1, 2] as const) {
    const rest = splitters[stream].rest();
    if (rest) await print(stream, rest);
  }
}

/** `10m` → the Unix second ten minutes ago; RFC 3339 and Unix seconds stay what they are. */
function sinceSeconds(text: string, nowMs: number): string {
  if (/^\d+(\.\d+)?$/.test(text)) return text;
  const ageMs = parseDurationMs(text);
  const atMs = ageMs === undefined ? Date.parse(text) : nowMs - ageMs;
  if (Number.isNaN(atMs)) throw badUsage(`--since: "${text}" is neither a time stamp nor an age such as 10m`);
  return (atMs / 1000).toFixed(3);
}
