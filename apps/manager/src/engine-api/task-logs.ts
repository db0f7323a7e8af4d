import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { parseDurationMs, type Clock } from '../../../../libs/base/src/index.js';
import type { ClusterView, Task } from '../../../../libs/model/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { ApiError } from '../http/api-error.js';
import { CLOCK, LOG_SOURCE, STORE, type LogLine, type LogOptions, type LogSource } from '../http/tokens.js';
import { logLineText, streamFrame } from './log-frames.js';
import { MergedLines } from './merged-lines.js';
import { looseBoolean, queryText, type Query } from './query.js';
import { openStream } from './stream-reply.js';

/** Whose lines are wanted. */
export type LogSubject = { serviceId: string } | { taskId: string };

/** Lines of tasks as Docker's multiplexed stream. */
@Injectable()
export class TaskLogs {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG_SOURCE) private readonly source: LogSource,
  ) {}

  async send(reply: FastifyReply, query: Query, subject: LogSubject): Promise<void> {
    const wanted = { stdout: looseBoolean(query, 'stdout'), stderr: looseBoolean(query, 'stderr') };
    if (!wanted.stdout && !wanted.stderr) throw new ApiError(400, 'Bad parameters: you must choose at least one stream');
    const show = { timestamps: looseBoolean(query, 'timestamps'), details: looseBoolean(query, 'details') };
    const options = this.#options(query);
    const tty = isTty(this.store.view(), subject);
    const stream = openStream(reply, tty ? 'application/vnd.docker.raw-stream' : 'application/vnd.docker.multiplexed-stream');
    try {
      for await (const line of this.#lines(subject, { ...options, signal: stream.signal })) {
        if (line.stderr ? !wanted.stderr : !wanted.stdout) continue;
        const text = logLineText(line, this.store.view().get('task', line.taskId), show);
        await stream.write(tty ? Buffer.from(text) : streamFrame(line.stderr ? 2 : 1, text));
      }
    } catch (error) {
      // The headers are out: the stream's own error channel is the only way left to tell.
      if (!stream.signal.aborted) await stream.write(streamFrame(3, `${(error as Error).message}\n`));
    } finally {
      stream.end();
    }
  }

  /** While following a service, tasks that appear later are followed too. */
  async *#lines(subject: LogSubject, options: LogOptions): AsyncIterable<LogLine> {
    const known = new Set(tasksOf(this.store.view(), subject).map((task) => task.id));
    if (!options.follow || 'taskId' in subject) {
      yield* this.source.logs([...known], options);
      return;
    }
    const queue = new MergedLines(options.signal);
    queue.add(this.source.logs([...known], options));
    const stop = this.store.watch(() => {
      const fresh = tasksOf(this.store.view(), subject).filter((task) => !known.has(task.id));
      for (const task of fresh) known.add(task.id);
      if (fresh.length > 0) queue.add(this.source.logs(fresh.map((task) => task.id), { ...options, tail: -1 }));
    });
    try {
      yield* queue.lines();
    } finally {
      stop();
    }
  }

  #options(query: Query): Omit<LogOptions, 'signal'> {
    const tail = queryText(query, 'tail') ?? 'all';
    const sinceMs = unixSecondsToMs('since', queryText(query, 'since'), this.clock);
    const untilMs = unixSecondsToMs('until', queryText(query, 'until'), this.clock);
    return {
      follow: looseBoolean(query, 'follow'),
      tail: /^[0-9]+$/.test(tail) ? Number(tail) : -1,
      ...(sinceMs === undefined ? {} : { sinceMs }),
      ...(untilMs === undefined ? {} : { untilMs }),
    };
  }
}

/** Tasks that have a node: only those can have said anything. */
function tasksOf(view: ClusterView, subject: LogSubject): Task[] {
  const tasks = 'taskId' in subject ? [view.get('task', subject.taskId)] : view.tasksOfService(subject.serviceId);
  return tasks.filter((task): task is Task => task !== undefined && task.nodeId !== '');
}

function isTty(view: ClusterView, subject: LogSubject): boolean {
  if ('serviceId' in subject) return view.get('service', subject.serviceId)?.spec.template.container.tty === true;
  const task = view.get('task', subject.taskId);
  return task !== undefined && view.templateOf(task)?.container.tty === true;
}

/** `1700000000`, `1700000000.5`, and Go durations back from now such as `10m`. */
function unixSecondsToMs(key: string, text: string | undefined, clock: Clock): number | undefined {
  if (text === undefined || text === '' || text === '0') return undefined;
  if (/^[0-9]+(\.[0-9]+)?$/.test(text)) return Number(text) * 1000;
  const ageMs = parseDurationMs(text);
  if (ageMs !== undefined) return clock.wallMs() - ageMs;
  const parsed = Date.parse(text);
  if (Number.isNaN(parsed)) throw new ApiError(400, `invalid value for "${key}": failed to parse value as time or duration: "${text}"`);
  return parsed;
}
