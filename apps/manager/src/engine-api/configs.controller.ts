import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query as QueryParameters, UseGuards } from '@nestjs/common';
import type { Random } from '../../../../libs/base/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { asSwarm } from '../http/api-error.js';
import { RANDOM, STORE } from '../http/tokens.js';
import { configTo } from './convert/secret.js';
import { admitFileObject, fileObjectFilters, removeFileObject, updateLabels } from './file-objects.js';
import type { Json } from './json-output.js';
import { findConfig } from './lookup.js';
import { queryText, versionOf, type Query } from './query.js';
import { SwarmGuard } from './swarm-guard.js';

@Controller('configs')
@UseGuards(SwarmGuard)
export class ConfigsController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(RANDOM) private readonly random: Random,
  ) {}

  @Get()
  list(@QueryParameters() query: Query): Json[] {
    const matches = fileObjectFilters('config', queryText(query, 'filters'));
    return [...this.store.view().all('config')].filter(matches).map(configTo);
  }

  @Get(':id')
  inspect(@Param('id') id: string): Json {
    return configTo(findConfig(this.store.view(), id));
  }

  @Post('create')
  async create(@Body() body: unknown): Promise<Json> {
    const { spec, data } = admitFileObject(this.store.view(), 'config', body);
    const id = this.random.id();
    await asSwarm(this.store.commit([{ action: 'create', kind: 'config', object: { id, spec, data, createdAt: '', updatedAt: '' } }]));
    return { ID: id };
  }

  @Post(':id/update')
  @HttpCode(200)
  async update(@Param('id') id: string, @QueryParameters() query: Query, @Body() body: unknown): Promise<void> {
    const expect = versionOf(query, 'config');
    const config = findConfig(this.store.view(), id);
    await updateLabels(this.store, 'config', config, body, expect, () => config.data);
  }

  @Delete(':id')
  @HttpCode(204)
  async remove(@Param('id') id: string): Promise<void> {
    await removeFileObject(this.store, 'config', findConfig(this.store.view(), id));
  }
}
