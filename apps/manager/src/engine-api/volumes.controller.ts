import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query as QueryParameters } from '@nestjs/common';
import type { Random } from '../../../../libs/base/src/index.js';
import { ApiError } from '../http/api-error.js';
import { RANDOM } from '../http/tokens.js';
import { ClusterVolumes, type ClusterVolume } from './containers/cluster-volumes.js';
import { inDockersWords } from './containers/container-call.js';
import { Filters } from './filters.js';
import { JsonInput } from './json-input.js';
import { nonEmptyMap, type Json } from './json-output.js';
import { looseBoolean, queryText, type Query } from './query.js';

const listKeys = ['dangling', 'driver', 'label', 'name'];

/** Named volumes of the nodes: one of the cluster for each name. */
@Controller('volumes')
export class VolumesController {
  constructor(
    @Inject(ClusterVolumes) private readonly cluster: ClusterVolumes,
    @Inject(RANDOM) private readonly random: Random,
  ) {}

  @Get()
  async list(@QueryParameters() query: Query): Promise<Json> {
    const filters = Filters.parse(queryText(query, 'filters'), listKeys);
    const { volumes, warnings } = await this.cluster.list();
    return { Volumes: volumes.filter((volume) => matches(filters, volume)).map(volumeTo), Warnings: warnings.length > 0 ? warnings : null };
  }

  @Get(':name')
  async inspect(@Param('name') name: string): Promise<Json> {
    return volumeTo(await this.#find(name));
  }

  @Post('create')
  @HttpCode(201)
  async create(@Body() body: unknown): Promise<Json> {
    const input = JsonInput.from(body, '');
    if (input.object('ClusterVolumeSpec')) throw new ApiError(501, 'there are no cluster volumes here: volumes are the nodes\' own');
    const name = input.string('Name') || this.random.id();
    const driver = input.string('Driver') || 'local';
    return this.#inWords(async () => volumeTo(await this.cluster.create({ name, driver, options: input.labels('DriverOpts') ?? {}, labels: input.labels('Labels') ?? {} })));
  }

  @Delete(':name')
  @HttpCode(204)
  async remove(@Param('name') name: string, @QueryParameters() query: Query): Promise<void> {
    const { volumes } = await this.cluster.list();
    const volume = volumes.find((one) => one.name === name);
    if (volume) return this.#inWords(() => this.cluster.remove(volume));
    if (!looseBoolean(query, 'force')) throw notFound(name);
  }

  @Post('prune')
  @HttpCode(200)
  async prune(@QueryParameters() query: Query): Promise<Json> {
    const filters = Filters.parse(queryText(query, 'filters'), ['all', 'label', 'label!']);
    const isAll = ['1', 'true'].some((value) => filters.get('all').includes(value));
    const { volumes } = await this.cluster.list();
    const unused = volumes.filter((volume) => !isUsed(volume) && (isAll || factsOf(volume).every(({ anonymous }) => anonymous)) && filters.labels('label', factsOf(volume)[0]!.labels));
    for (const volume of unused) await this.#inWords(() => this.cluster.remove(volume));
    return { VolumesDeleted: unused.map(({ name }) => name), SpaceReclaimed: 0 };
  }

  async #find(name: string): Promise<ClusterVolume> {
    const { volumes } = await this.cluster.list();
    const volume = volumes.find((one) => one.name === name);
    if (!volume) throw notFound(name);
    return volume;
  }

  async #inWords<T>(job: () => Promise<T>): Promise<T> {
    try {
      return await job();
    } catch (error) {
      throw inDockersWords(error);
    }
  }
}

function notFound(name: string): ApiError {
  return new ApiError(404, `get ${name}: no such volume`);
}

function factsOf({ places }: ClusterVolume) {
  return [...places.values()];
}

function isUsed(volume: ClusterVolume): boolean {
  return factsOf(volume).some(({ users }) => users.length > 0);
}

function matches(filters: Filters, volume: ClusterVolume): boolean {
  const dangling = filters.get('dangling')[0];
  return (
    filters.prefix('name', volume.name) &&
    filters.equal('driver', 'local') &&
    filters.labels('label', factsOf(volume)[0]!.labels) &&
    (dangling === undefined || ['1', 'true'].includes(dangling) === !isUsed(volume))
  );
}

/** Docker's Volume. `Status` tells the nodes that have it, and which containers of each use it. */
function volumeTo(volume: ClusterVolume): Json {
  const [first] = factsOf(volume);
  return {
    Name: volume.name,
    Driver: 'local',
    Mountpoint: first!.mountPoint,
    CreatedAt: first!.createdAt,
    Labels: nonEmptyMap(first!.labels) ?? null,
    Options: nonEmptyMap(first!.options) ?? null,
    Scope: 'local',
    Status: Object.fromEntries([...volume.places].map(([node, { users }]) => [node, users])),
  };
}
