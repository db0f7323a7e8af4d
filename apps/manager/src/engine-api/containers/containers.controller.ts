import { Controller, Get, HttpCode, Inject, Param, Post, Query as QueryParameters, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { isTemporary, type Clock } from '../../../../../libs/base/src/index.js';
import { hasEnded, type ContainerFacts } from '../../../../../libs/model/src/index.js';
import type { ContainerProcess, ContainerStats } from '../../../../../libs/runtime/src/runtime.js';
import type { Store } from '../../../../../libs/store/src/index.js';
import { ApiError } from '../../http/api-error.js';
import { CLOCK, STORE } from '../../http/tokens.js';
import type { Json } from '../json-output.js';
import { looseBoolean, queryText, strictBoolean, type Query } from '../query.js';
import { openStream } from '../stream-reply.js';
import { SwarmGuard } from '../swarm-guard.js';
import { TaskLogs } from '../task-logs.js';
import { clusterContainers, findContainer, requireLive, type ClusterContainer } from './cluster-container.js';
import { clientSignal, ContainerCalls } from './container-call.js';
import { detailsTo } from './details.js';
import { matchesFilters, parseListFilters, type ListedContainer } from './list-filters.js';
import { LiveContainerStates } from './live-states.js';
import { statsTo } from './stats.js';
import { stateOf, summaryTo } from './summary.js';
import { topTo } from './top.js';

/** What can be seen of the containers of all nodes. */
@Controller('containers')
@UseGuards(SwarmGuard)
export class ContainersController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(ContainerCalls) private readonly calls: ContainerCalls,
    @Inject(LiveContainerStates) private readonly liveStates: LiveContainerStates,
    @Inject(TaskLogs) private readonly taskLogs: TaskLogs,
  ) {}

  @Get('json')
  async list(@QueryParameters() query: Query): Promise<Json[]> {
    const filters = parseListFilters(queryText(query, 'filters'));
    const limit = Number(queryText(query, 'limit') ?? 0);
    const view = this.store.view();
    const all = clusterContainers(view);
    const nodesToAsk = all.filter(({ task }) => !hasEnded(task)).map(({ task }) => task.nodeId);
    const live = await this.liveStates.of(nodesToAsk);
    // A wish for states or exit codes, or for the newest ones, is one for those of the past too.
    const withEnded = looseBoolean(query, 'all') || limit > 0 || filters.get('status').length > 0 || filters.get('exited').length > 0;
    const range = (reference: string | undefined) => reference && findContainer(view, reference).task.createdAt;
    const [after, before] = [range(filters.get('since')[0]), range(filters.get('before')[0])];
    const listed = all
      .map((container): ListedContainer => ({ container, live: live.get(container.id) }))
      .filter(({ container: { task }, live: state }) => withEnded || ['running', 'paused'].includes(stateOf(task, state)))
      .filter(({ container: { task } }) => (!after || task.createdAt > after) && (!before || task.createdAt < before))
      .filter((one) => matchesFilters(filters, view, one));
    const sizes = looseBoolean(query, 'size') ? { SizeRw: 0, SizeRootFs: 0 } : {};
    return listed.slice(0, limit > 0 ? limit : undefined).map((one) => ({ ...summaryTo(view, one.container, one.live, this.clock.wallMs()), ...sizes }));
  }

  @Get(':id/json')
  async inspect(@Param('id') id: string, @QueryParameters() query: Query, @Res({ passthrough: true }) reply: FastifyReply): Promise<Json> {
    const container = this.#find(id);
    const facts = await this.#facts(container, clientSignal(reply));
    return { ...detailsTo(this.store.view(), container, facts), ...(looseBoolean(query, 'size') && { SizeRw: 0, SizeRootFs: 0 }) };
  }

  @Get(':id/logs')
  logs(@Param('id') id: string, @QueryParameters() query: Query, @Res() reply: FastifyReply): Promise<void> {
    return this.taskLogs.send(reply, query, { taskId: this.#find(id).task.id });
  }

  @Get(':id/top')
  async top(@Param('id') id: string, @QueryParameters() query: Query, @Res({ passthrough: true }) reply: FastifyReply): Promise<Json> {
    const container = requireLive(this.#find(id));
    const format = topTo(queryText(query, 'ps_args') || '-ef');
    const processes = await this.calls.call(container, { kind: 'top' }, clientSignal(reply));
    return format(processes as ContainerProcess[], this.clock.wallMs());
  }

  @Get(':id/stats')
  async stats(@Param('id') id: string, @QueryParameters() query: Query, @Res() reply: FastifyReply): Promise<void> {
    const container = requireLive(this.#find(id));
    const follow = queryText(query, 'stream') === undefined || strictBoolean(query, 'stream');
    const samples = !follow && looseBoolean(query, 'one-shot') ? 1 : 2;
    const source = await this.calls.open(container, { kind: 'stats', follow, samples }, clientSignal(reply));
    const answer = openStream(reply, 'application/json');
    answer.signal.addEventListener('abort', () => source.close(), { once: true });
    try {
      let before: ContainerStats | undefined;
      let told = false;
      for await (const now of samplesOf(source.output)) {
        // The first sample says nothing about a rate; only who wants one sample is given it.
        told = follow || before !== undefined || samples === 1;
        if (told) await answer.write(`${JSON.stringify(statsTo(container, now, before))}\n`);
        before = now;
      }
      // It ended before there was a second one.
      if (!told && before) await answer.write(`${JSON.stringify(statsTo(container, before, before))}\n`);
    } catch (error) {
      if (!answer.signal.aborted && !isTemporary(error)) throw error;
    } finally {
      source.close();
      answer.end();
    }
  }

  @Get(':id/changes')
  async changes(@Param('id') id: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<Json[]> {
    const changes = (await this.calls.call(requireLive(this.#find(id)), { kind: 'changes' }, clientSignal(reply))) as { path: string; kind: keyof typeof changeKinds }[];
    return changes.map(({ path, kind }) => ({ Path: path, Kind: changeKinds[kind] }));
  }

  /** Clients wait for its headers before they do what they wait for. */
  @Post(':id/wait')
  @HttpCode(200)
  async wait(@Param('id') id: string, @QueryParameters() query: Query, @Res() reply: FastifyReply): Promise<void> {
    const { task } = this.#find(id);
    const condition = queryText(query, 'condition') || 'not-running';
    if (!['not-running', 'next-exit', 'removed'].includes(condition)) throw new ApiError(400, `invalid condition: "${condition}"`);
    const answer = openStream(reply, 'application/json');
    try {
      const end = await this.#endOf(task.id, answer.signal);
      if (end) await answer.write(`${JSON.stringify({ Error: null, StatusCode: end.exitCode })}\n`);
    } finally {
      answer.end();
    }
  }

  /** The task's end, as the cluster hears of it; a task that is forgotten has ended too. Undefined: aborted. */
  #endOf(taskId: string, signal: AbortSignal): Promise<{ exitCode: number } | undefined> {
    return new Promise((resolve) => {
      let exitCode = 0;
      const look = () => {
        const task = this.store.view().get('task', taskId);
        exitCode = task?.status.container?.exitCode ?? exitCode;
        if (!task || hasEnded(task)) finish({ exitCode });
      };
      const finish = (end: { exitCode: number } | undefined) => {
        stop();
        resolve(end);
      };
      const stop = this.store.watch(look);
      signal.addEventListener('abort', () => finish(undefined), { once: true });
      look();
    });
  }

  #find(id: string): ClusterContainer {
    return findContainer(this.store.view(), id);
  }

  /** A container is shown as far as it is known: also when its node is away. */
  async #facts(container: ClusterContainer, signal: AbortSignal): Promise<ContainerFacts | undefined> {
    try {
      return (await this.calls.call(container, { kind: 'inspect' }, signal)) as ContainerFacts;
    } catch (error) {
      if (isTemporary(error)) return undefined;
      throw error;
    }
  }
}

const changeKinds = { modified: 0, added: 1, deleted: 2 } as const;

/** One JSON document per line. */
async function* samplesOf(output: AsyncIterable<{ data: Uint8Array }>): AsyncGenerator<ContainerStats> {
  let rest = '';
  for await (const { data } of output) {
    const lines = (rest + Buffer.from(data).toString('utf8')).split('\n');
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line) as ContainerStats;
  }
}
