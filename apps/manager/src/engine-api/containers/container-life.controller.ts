import { Controller, Delete, HttpCode, Inject, Param, Post, Query as QueryParameters, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { hasEnded } from '../../../../../libs/model/src/index.js';
import type { Store } from '../../../../../libs/store/src/index.js';
import { ApiError } from '../../http/api-error.js';
import { STORE } from '../../http/tokens.js';
import type { Json } from '../json-output.js';
import { looseBoolean, queryText, type Query } from '../query.js';
import { SwarmGuard } from '../swarm-guard.js';
import { findContainer, requireLive, type ClusterContainer } from './cluster-container.js';
import { clientSignal, ContainerCalls } from './container-call.js';

/**
 * What may be done to a running container. It belongs to a task: one that is made to end is replaced by a new task, as its
 * service wants it. What would work against the service is refused, with the way that works.
 */
@Controller('containers')
@UseGuards(SwarmGuard)
export class ContainerLifeController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(ContainerCalls) private readonly calls: ContainerCalls,
  ) {}

  @Post('create')
  create(): never {
    throw new ApiError(501, 'single containers are not available: create a service (docker service create)');
  }

  @Post('prune')
  prune(): Json {
    return { ContainersDeleted: [], SpaceReclaimed: 0 };
  }

  @Post(':id/kill')
  @HttpCode(204)
  async kill(@Param('id') id: string, @QueryParameters() query: Query, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    const container = this.#find(id);
    if (hasEnded(container.task)) throw new ApiError(409, `Cannot kill container: ${id}: Container ${container.id} is not running`);
    await this.calls.call(container, { kind: 'signal', signal: signalName(queryText(query, 'signal') || 'SIGKILL') }, clientSignal(reply));
  }

  @Post(':id/stop')
  async stop(@Param('id') id: string, @QueryParameters() query: Query, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    const stopped = await this.#stop(this.#find(id), query, reply);
    void reply.status(stopped ? 204 : 304);
  }

  /** The process ends, and the service starts a new task in its place. */
  @Post(':id/restart')
  @HttpCode(204)
  async restart(@Param('id') id: string, @QueryParameters() query: Query, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    const container = requireLive(this.#find(id));
    const condition = container.template?.restart?.condition ?? 'any';
    if (condition !== 'any') {
      throw new ApiError(409, `service ${container.task.serviceName} restarts its tasks ${condition === 'none' ? 'never' : 'only when they fail'}: docker service update --force ${container.task.serviceName} makes new ones`);
    }
    await this.#stop(container, query, reply);
  }

  @Post(':id/pause')
  @HttpCode(204)
  async pause(@Param('id') id: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    await this.calls.call(requireLive(this.#find(id)), { kind: 'pause' }, clientSignal(reply));
  }

  @Post(':id/unpause')
  @HttpCode(204)
  async unpause(@Param('id') id: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    await this.calls.call(requireLive(this.#find(id)), { kind: 'unpause' }, clientSignal(reply));
  }

  @Post(':id/resize')
  @HttpCode(200)
  async resize(@Param('id') id: string, @QueryParameters() query: Query, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    await this.calls.call(requireLive(this.#find(id)), { kind: 'resize', size: terminalSize(query) }, clientSignal(reply));
  }

  @Delete(':id')
  @HttpCode(204)
  async remove(@Param('id') id: string, @QueryParameters() query: Query, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    const container = this.#find(id);
    const { task, name } = container;
    if (hasEnded(task)) {
      throw new ApiError(409, `container "/${name}" is gone already; the record of its task is the history of service ${task.serviceName} and goes by itself (docker swarm update --task-history-limit)`);
    }
    if (!looseBoolean(query, 'force')) throw new ApiError(409, `cannot remove container "/${name}": container is running: stop the container before removing or force remove`);
    await this.calls.call(container, { kind: 'signal', signal: 'SIGKILL' }, clientSignal(reply));
  }

  @Post(':id/start')
  start(@Param('id') id: string, @Res({ passthrough: true }) reply: FastifyReply): void {
    const { task } = this.#find(id);
    if (!hasEnded(task)) return void reply.status(304);
    throw new ApiError(409, `a task is never run twice: service ${task.serviceName} makes a new one when it wants one (docker service ps ${task.serviceName}, docker service update --force ${task.serviceName})`);
  }

  @Post(':id/rename')
  rename(@Param('id') id: string): never {
    const { task } = this.#find(id);
    throw new ApiError(409, `a task's container is named after its task: give the service another name by creating it anew (service ${task.serviceName})`);
  }

  @Post(':id/update')
  update(@Param('id') id: string): never {
    const { serviceName } = this.#find(id).task;
    throw new ApiError(409, `the limits of a task's container are those of its service: docker service update --limit-memory … --limit-cpu … ${serviceName}`);
  }

  async #stop(container: ClusterContainer, query: Query, reply: FastifyReply): Promise<boolean> {
    if (hasEnded(container.task)) return false;
    const seconds = queryText(query, 't');
    if (seconds !== undefined && !/^-?\d+$/.test(seconds)) throw new ApiError(400, `invalid value for t: "${seconds}" is no number of seconds`);
    const signal = queryText(query, 'signal');
    const operation = { kind: 'stop' as const, ...(signal && { signal: signalName(signal) }), ...(seconds !== undefined && { graceMs: Number(seconds) * 1000 }) };
    const { stopped } = (await this.calls.call(container, operation, clientSignal(reply))) as { stopped: boolean };
    return stopped;
  }

  #find(id: string): ClusterContainer {
    return findContainer(this.store.view(), id);
  }
}

/** `KILL`, `SIGKILL` and `9` are one; which there are, the node knows. */
function signalName(text: string): string {
  return /^\d+$/.test(text) ? text : text.toUpperCase().replace(/^(?!SIG)/, 'SIG');
}

export function terminalSize(query: Query): { rows: number; columns: number } {
  const [rows, columns] = ['h', 'w'].map((key) => Number(queryText(query, key)));
  if (!Number.isInteger(rows) || !Number.isInteger(columns)) throw new ApiError(400, 'invalid size of the terminal: h and w must be whole numbers');
  return { rows: rows!, columns: columns! };
}
