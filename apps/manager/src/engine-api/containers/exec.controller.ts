import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query as QueryParameters, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { omitAbsent, type Json } from '../json-output.js';
import type { Store } from '../../../../../libs/store/src/index.js';
import { STORE } from '../../http/tokens.js';
import { looseBoolean, queryText, type Query } from '../query.js';
import { SwarmGuard } from '../swarm-guard.js';
import { attachFrom } from './attach-request.js';
import { replyStream } from './client-stream.js';
import { findContainer, requireLive } from './cluster-container.js';
import { Consoles } from './consoles.js';
import { terminalSize } from './container-life.controller.js';
import { execFrom, startFrom } from './exec-request.js';
import { Execs } from './execs.js';

/** Execs and attaches of clients that ask for no upgrade; those that do are served by `ConsoleUpgrades`. */
@Controller()
@UseGuards(SwarmGuard)
export class ExecController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(Execs) private readonly execs: Execs,
    @Inject(Consoles) private readonly consoles: Consoles,
  ) {}

  @Post('containers/:id/exec')
  @HttpCode(201)
  create(@Param('id') id: string, @Body() body: unknown): Json {
    const container = requireLive(findContainer(this.store.view(), id));
    const { operation, attach, detachKeys } = execFrom(body);
    return { Id: this.execs.create(container.place, operation, attach, detachKeys).id };
  }

  @Post('exec/:id/start')
  async start(@Param('id') id: string, @Body() body: unknown, @Res() reply: FastifyReply): Promise<void> {
    const exec = this.execs.require(id);
    const start = startFrom(body);
    this.execs.begin(exec);
    if (!start.detach) return this.consoles.run(exec, start, replyStream(reply, consoleType(exec.operation.tty)));
    void this.consoles.run(exec, start, undefined);
    void reply.status(200).send();
  }

  @Post('exec/:id/resize')
  @HttpCode(200)
  resize(@Param('id') id: string, @QueryParameters() query: Query): void {
    this.execs.require(id).stream?.resize(terminalSize(query));
  }

  /** Ours, as Docker has no word for it: a signal for the process of an exec. */
  @Post('exec/:id/kill')
  @HttpCode(204)
  kill(@Param('id') id: string, @QueryParameters() query: Query): void {
    this.execs.require(id).stream?.signal(queryText(query, 'signal') || 'SIGKILL');
  }

  @Get('exec/:id/json')
  inspect(@Param('id') id: string): Json {
    const exec = this.execs.require(id);
    const { operation, attach } = exec;
    return {
      ID: exec.id,
      Running: exec.state === 'running',
      ExitCode: exec.exitCode ?? null,
      ProcessConfig: omitAbsent({ tty: operation.tty, entrypoint: operation.argv[0] ?? '', arguments: operation.argv.slice(1), privileged: operation.privileged, user: operation.user }),
      OpenStdin: attach.stdin,
      OpenStderr: attach.stderr,
      OpenStdout: attach.stdout,
      CanRemove: false,
      ContainerID: exec.place.containerId,
      DetachKeys: '',
      Pid: exec.pid,
    };
  }

  @Post('containers/:id/attach')
  async attach(@Param('id') id: string, @QueryParameters() query: Query, @Res() reply: FastifyReply): Promise<void> {
    const container = requireLive(findContainer(this.store.view(), id));
    const { operation, detachKeys } = attachFrom((key) => looseBoolean(query, key), queryText(query, 'detachKeys'));
    await this.consoles.attach(container, operation, detachKeys, replyStream(reply, consoleType(container.template?.container.tty ?? false)));
  }
}

export function consoleType(tty: boolean): string {
  return tty ? 'application/vnd.docker.raw-stream' : 'application/vnd.docker.multiplexed-stream';
}
