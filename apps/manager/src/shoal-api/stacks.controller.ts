import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query as QueryParameters, UseGuards } from '@nestjs/common';
import { stackNames, type StackChange } from '../../../../libs/stack/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { looseBoolean, type Query } from '../engine-api/query.js';
import { SwarmGuard } from '../engine-api/swarm-guard.js';
import { ApiError } from '../http/api-error.js';
import { STORE } from '../http/tokens.js';
import { deployRequestFrom, rollbackRequestFrom } from './bundle-input.js';
import { revisionDetails, revisionSummaries, type RevisionDetails, type RevisionSummary } from './stack-revisions.js';
import { stackDetails, stackSummary, type StackDetails, type StackSummary } from './stack-summary.js';
import { StacksService, type DeployAnswer } from './stacks.service.js';

@Controller('shoal/v1/stacks')
@UseGuards(SwarmGuard)
export class StacksController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(StacksService) private readonly stacks: StacksService,
  ) {}

  @Get()
  list(): StackSummary[] {
    const view = this.store.view();
    return stackNames(view).map((name) => stackSummary(view, name));
  }

  @Get(':name')
  inspect(@Param('name') name: string): StackDetails {
    return stackDetails(this.store.view(), name);
  }

  @Post(':name')
  @HttpCode(200)
  deploy(@Param('name') name: string, @QueryParameters() query: Query, @Body() body: unknown): Promise<DeployAnswer> {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_-]*$/.test(name)) throw new ApiError(400, `invalid stack name "${name}": letters, digits, - and _, beginning with a letter or digit`);
    const request = deployRequestFrom(body);
    return this.stacks.deploy(name, { ...request, dryRun: request.dryRun || looseBoolean(query, 'dryRun') });
  }

  @Get(':name/revisions')
  revisions(@Param('name') name: string): RevisionSummary[] {
    return revisionSummaries(this.store.view(), name);
  }

  @Get(':name/revisions/:revision')
  revision(@Param('name') name: string, @Param('revision') revision: string): RevisionDetails {
    return revisionDetails(this.store.view(), name, revision);
  }

  @Post(':name/rollback')
  @HttpCode(200)
  rollBack(@Param('name') name: string, @QueryParameters() query: Query, @Body() body: unknown): Promise<DeployAnswer> {
    const request = rollbackRequestFrom(body);
    return this.stacks.rollBack(name, { ...request, dryRun: request.dryRun || looseBoolean(query, 'dryRun') });
  }

  @Delete(':name')
  remove(@Param('name') name: string): Promise<{ changes: StackChange[] }> {
    return this.stacks.remove(name);
  }
}
