import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query as QueryParameters, UseGuards } from '@nestjs/common';
import type { Random } from '../../../../libs/base/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { asSwarm } from '../http/api-error.js';
import { RANDOM, SECRET_SEALER, STORE, type SecretSealer } from '../http/tokens.js';
import { secretTo } from './convert/secret.js';
import { admitFileObject, fileObjectFilters, removeFileObject, updateLabels } from './file-objects.js';
import type { Json } from './json-output.js';
import { findSecret } from './lookup.js';
import { queryText, versionOf, type Query } from './query.js';
import { SwarmGuard } from './swarm-guard.js';

/** Contents go in and never come out again. */
@Controller('secrets')
@UseGuards(SwarmGuard)
export class SecretsController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(RANDOM) private readonly random: Random,
    @Inject(SECRET_SEALER) private readonly sealer: SecretSealer,
  ) {}

  @Get()
  list(@QueryParameters() query: Query): Json[] {
    const matches = fileObjectFilters('secret', queryText(query, 'filters'));
    return [...this.store.view().all('secret')].filter(matches).map(secretTo);
  }

  @Get(':id')
  inspect(@Param('id') id: string): Json {
    return secretTo(findSecret(this.store.view(), id));
  }

  @Post('create')
  async create(@Body() body: unknown): Promise<Json> {
    const { spec, data } = admitFileObject(this.store.view(), 'secret', body);
    const id = this.random.id();
    await asSwarm(this.store.commit([{ action: 'create', kind: 'secret', object: { id, spec, sealed: this.sealer.seal(data), createdAt: '', updatedAt: '' } }]));
    return { ID: id };
  }

  @Post(':id/update')
  @HttpCode(200)
  async update(@Param('id') id: string, @QueryParameters() query: Query, @Body() body: unknown): Promise<void> {
    const expect = versionOf(query, 'secret');
    const secret = findSecret(this.store.view(), id);
    await updateLabels(this.store, 'secret', secret, body, expect, () => this.sealer.open(secret.sealed));
  }

  @Delete(':id')
  @HttpCode(204)
  async remove(@Param('id') id: string): Promise<void> {
    await removeFileObject(this.store, 'secret', findSecret(this.store.view(), id));
  }
}
