import { Body, Controller, Get, Head, HttpCode, Inject, Param, Post, Put, Query as QueryParameters, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isTemporary } from '../../../../../libs/base/src/index.js';
import type { Store } from '../../../../../libs/store/src/index.js';
import { ApiError } from '../../http/api-error.js';
import type { ContainerStream } from '../../http/container-streams.js';
import { STORE } from '../../http/tokens.js';
import type { Json } from '../json-output.js';
import { looseBoolean, queryText, type Query } from '../query.js';
import { openStream } from '../stream-reply.js';
import { SwarmGuard } from '../swarm-guard.js';
import { findContainer, requireLive, type ClusterContainer } from './cluster-container.js';
import { clientSignal, ContainerCalls } from './container-call.js';
import { pathStatHeader, type PathStat } from './path-stat.js';

/** Files of containers: `docker cp`, `export` and `commit`. Nothing of an archive is kept here: it passes through. */
@Controller()
@UseGuards(SwarmGuard)
export class ContainerFilesController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(ContainerCalls) private readonly calls: ContainerCalls,
  ) {}

  @Head('containers/:id/archive')
  async stat(@Param('id') id: string, @QueryParameters() query: Query, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    const stat = (await this.calls.call(this.#find(id), { kind: 'stat-path', path: pathOf(query) }, clientSignal(reply))) as PathStat;
    void reply.header('X-Docker-Container-Path-Stat', pathStatHeader(stat));
  }

  @Get('containers/:id/archive')
  async read(@Param('id') id: string, @QueryParameters() query: Query, @Res() reply: FastifyReply): Promise<void> {
    const source = await this.calls.open(this.#find(id), { kind: 'read-archive', path: pathOf(query) }, clientSignal(reply));
    void reply.header('X-Docker-Container-Path-Stat', pathStatHeader(source.started as PathStat));
    await sendTar(reply, source);
  }

  @Get('containers/:id/export')
  async export(@Param('id') id: string, @Res() reply: FastifyReply): Promise<void> {
    await sendTar(reply, await this.calls.open(this.#find(id), { kind: 'export' }, clientSignal(reply)));
  }

  @Put('containers/:id/archive')
  @HttpCode(200)
  async write(@Param('id') id: string, @QueryParameters() query: Query, @Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    const operation = {
      kind: 'write-archive' as const,
      path: pathOf(query),
      noOverwriteDirNonDir: looseBoolean(query, 'noOverwriteDirNonDir'),
      copyUidGid: looseBoolean(query, 'copyUIDGID'),
    };
    const target = await this.calls.open(this.#find(id), operation, clientSignal(reply));
    try {
      await Promise.all([sendBody(request, target), drain(target)]);
    } finally {
      target.close();
    }
  }

  @Post('commit')
  @HttpCode(201)
  async commit(@QueryParameters() query: Query, @Body() _config: unknown, @Res({ passthrough: true }) reply: FastifyReply): Promise<Json> {
    const container = this.#find(queryText(query, 'container') ?? '');
    const [repository, tag] = [queryText(query, 'repo') ?? '', queryText(query, 'tag') || 'latest'];
    const changes = query['changes'];
    const result = await this.calls.call(
      container,
      {
        kind: 'commit',
        reference: repository && `${repository}:${tag}`,
        comment: queryText(query, 'comment') ?? '',
        author: queryText(query, 'author') ?? '',
        changes: (Array.isArray(changes) ? changes : [changes ?? '']).flatMap((text) => text.split('\n')).filter((line) => line.trim() !== ''),
        pause: queryText(query, 'pause') === undefined || looseBoolean(query, 'pause'),
      },
      clientSignal(reply),
    );
    return { Id: (result as { imageId: string }).imageId };
  }

  #find(id: string): ClusterContainer {
    return requireLive(findContainer(this.store.view(), id));
  }
}

function pathOf(query: Query): string {
  const path = queryText(query, 'path');
  if (!path) throw new ApiError(400, 'bad parameter: path: may not be empty');
  return path.startsWith('/') ? path : `/${path}`;
}

async function sendTar(reply: FastifyReply, source: ContainerStream): Promise<void> {
  const answer = openStream(reply, 'application/x-tar');
  answer.signal.addEventListener('abort', () => source.close(), { once: true });
  try {
    for await (const { data } of source.output) await answer.write(Buffer.from(data));
    answer.end();
  } catch (error) {
    // The client must not take half an archive for a whole one: no orderly end.
    reply.raw.destroy();
    if (!answer.signal.aborted && !isTemporary(error)) throw error;
  } finally {
    source.close();
  }
}

async function sendBody(request: FastifyRequest, target: ContainerStream): Promise<void> {
  for await (const piece of request.body as AsyncIterable<Buffer>) await target.write(piece);
  target.endInput();
}

async function drain(target: ContainerStream): Promise<void> {
  for await (const _ of target.output) void _;
}
