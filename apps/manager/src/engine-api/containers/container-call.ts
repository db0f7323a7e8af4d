import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { isRefused } from '../../../../../libs/base/src/index.js';
import type { ContainerOperation } from '../../../../../libs/model/src/index.js';
import { ApiError } from '../../http/api-error.js';
import { callContainer, type ContainerStream, type ContainerStreams } from '../../http/container-streams.js';
import { CONTAINER_STREAMS } from '../../http/tokens.js';
import type { ClusterContainer } from './cluster-container.js';

/** Operations on containers, with their refusals in the words of the Docker API. */
@Injectable()
export class ContainerCalls {
  constructor(@Inject(CONTAINER_STREAMS) private readonly streams: ContainerStreams) {}

  async open(container: ClusterContainer, operation: ContainerOperation, signal: AbortSignal): Promise<ContainerStream> {
    try {
      return await this.streams.open(container.place, operation, signal);
    } catch (error) {
      throw inDockersWords(error);
    }
  }

  /** Runs one that gives out nothing. Returns its result. */
  async call(container: ClusterContainer, operation: ContainerOperation, signal: AbortSignal): Promise<unknown> {
    try {
      return await callContainer(this.streams, container.place, operation, signal);
    } catch (error) {
      throw inDockersWords(error);
    }
  }
}

/** A container in the wrong state is a conflict to Docker's clients. */
export function inDockersWords(error: unknown): unknown {
  return isRefused(error, 'precondition') || isRefused(error, 'in-use') ? new ApiError(409, error.message) : error;
}

/** Aborted when the client is gone before it has its answer. */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new Error('the client has gone'));
  });
  return gone.signal;
}
