import { Body, Controller, Delete, Get, Headers, HttpCode, Inject, Param, Post, Query as QueryParameters, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { timestamp, type Clock, type Random } from '../../../../libs/base/src/index.js';
import {
  checkServiceAgainst,
  checkServiceSpec,
  createServiceChanges,
  notExecuted,
  registryOf,
  resolveReferences,
  sealLogin,
  updateServiceChanges,
  viewReferences,
  type ClusterView,
  type RegistryCredentials,
  type Service,
  type ServiceSpec,
  type UpdateStatus,
} from '../../../../libs/model/src/index.js';
import { removalOfStackMember } from '../../../../libs/stack/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { ApiError, asSwarm, outOfSequence, refuseFirst, swarmRefusal } from '../http/api-error.js';
import { CLOCK, RANDOM, SECRET_SEALER, STORE, type SecretSealer } from '../http/tokens.js';
import { serviceTo } from './convert/service.js';
import { withDependenciesOf } from './convert/dependencies.js';
import { serviceSpecFrom } from './convert/service-spec-in.js';
import { withShoalOptionsOf } from './convert/shoal-options.js';
import { Filters } from './filters.js';
import type { Json } from './json-output.js';
import { findService } from './lookup.js';
import { queryText, strictBoolean, versionOf, type Query } from './query.js';
import { randomName } from './random-name.js';
import { credentialsFrom } from './registry-auth.js';
import { SwarmGuard } from './swarm-guard.js';
import { TaskLogs } from './task-logs.js';

const filterKeys = ['id', 'name', 'label', 'mode', 'runtime'];

@Controller('services')
@UseGuards(SwarmGuard)
export class ServicesController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(RANDOM) private readonly random: Random,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(SECRET_SEALER) private readonly sealer: SecretSealer,
    @Inject(TaskLogs) private readonly taskLogs: TaskLogs,
  ) {}

  @Get()
  list(@QueryParameters() query: Query): Json[] {
    const filters = Filters.parse(queryText(query, 'filters'), filterKeys);
    const status = strictBoolean(query, 'status');
    const view = this.store.view();
    return [...view.all('service')].filter((service) => matches(filters, service)).map((service) => serviceTo(view, service, { insertDefaults: false, status }));
  }

  @Get(':id')
  inspect(@Param('id') id: string, @QueryParameters() query: Query): Json {
    const insertDefaults = strictBoolean(query, 'insertDefaults');
    const view = this.store.view();
    return serviceTo(view, findService(view, id), { insertDefaults });
  }

  @Post('create')
  async create(@Body() body: unknown, @Headers('x-registry-auth') auth: string | undefined): Promise<Json> {
    const given = serviceSpecFrom(body);
    const view = this.store.view();
    const spec = admit(view, given.name === '' ? { ...given, name: randomName(this.random) } : given);
    const id = this.random.id();
    const sealedLogins = this.#seal(credentialsFrom(auth), spec);
    await asSwarm(this.store.commit(createServiceChanges(id, spec, { sealedLogins })));
    return { ID: id, Warnings: warnings(spec) };
  }

  @Post(':id/update')
  @HttpCode(200)
  async update(@Param('id') id: string, @QueryParameters() query: Query, @Body() body: unknown, @Headers('x-registry-auth') auth: string | undefined): Promise<Json> {
    const expect = versionOf(query, 'service');
    const view = this.store.view();
    const service = findService(view, id);
    const given = serviceSpecFrom(withDependenciesOf(withShoalOptionsOf(body, service.spec.template), service.spec));
    if (service.version !== expect) throw outOfSequence();
    const rollback = rollbackOf(query, service);
    const spec = rollback ?? admitUpdate(view, given, service);
    const update: UpdateStatus | undefined = rollback && {
      state: 'rollback_started',
      startedAt: timestamp(this.clock.wallMs()),
      message: 'manually requested rollback',
    };
    checkRegistryAuthFrom(query, service);
    const sealedLogins = this.#seal(credentialsFrom(auth), spec, service.sealedLogins);
    await asSwarm(this.store.commit(updateServiceChanges(view, service, spec, { expect, update, sealedLogins })));
    return { Warnings: warnings(spec) };
  }

  @Delete(':id')
  @HttpCode(200)
  async remove(@Param('id') id: string): Promise<void> {
    const service = findService(this.store.view(), id);
    await asSwarm(this.store.commit(removalOfStackMember(this.store.view(), 'service', service)));
  }

  @Get(':id/logs')
  logs(@Param('id') id: string, @QueryParameters() query: Query, @Res() reply: FastifyReply): Promise<void> {
    const service = findService(this.store.view(), id);
    return this.taskLogs.send(reply, query, { serviceId: service.id });
  }

  #seal(credentials: RegistryCredentials | undefined, { template }: ServiceSpec, before?: string): string | undefined {
    return credentials && sealLogin(registryOf(template.container.image), credentials, this.sealer, before);
  }
}

function admit(view: ClusterView, given: ServiceSpec, ownId?: string): ServiceSpec {
  refuseFirst(checkServiceSpec(given));
  const { spec, problems } = resolveReferences(given, viewReferences(view));
  refuseFirst(problems);
  refuseFirst(checkServiceAgainst(view, spec, ownId));
  return spec;
}

function admitUpdate(view: ClusterView, given: ServiceSpec, service: Service): ServiceSpec {
  if (given.name !== service.spec.name) throw swarmRefusal({ code: 'unsupported', message: 'renaming services is not supported' });
  if (given.mode.kind !== service.spec.mode.kind) throw swarmRefusal({ code: 'unsupported', message: 'service mode change is not allowed' });
  return admit(view, given, service.id);
}

function rollbackOf(query: Query, service: Service): ServiceSpec | undefined {
  const rollback = queryText(query, 'rollback') ?? '';
  if (rollback === '' || rollback === 'none') return undefined;
  if (rollback !== 'previous') throw new ApiError(400, `unrecognized rollback option ${rollback}`);
  if (!service.previousSpec) throw swarmRefusal({ code: 'precondition', message: `service ${service.id} does not have a previous spec` });
  return service.previousSpec;
}

/** Which login stays when none is given. Ours all do, by registry, so that nothing depends on it; only what Docker refuses is refused. */
function checkRegistryAuthFrom(query: Query, service: Service): void {
  const from = queryText(query, 'registryAuthFrom') || 'spec';
  if (from !== 'spec' && from !== 'previous-spec') throw new ApiError(400, `unrecognized registryAuthFrom ${from}: it is spec or previous-spec`);
  if (from === 'previous-spec' && !service.previousSpec) throw swarmRefusal({ code: 'precondition', message: `service ${service.id} does not have a previous spec` });
}

function warnings(spec: ServiceSpec): string[] | null {
  const notes = notExecuted(spec);
  return notes.length > 0 ? notes : null;
}

function matches(filters: Filters, service: Service): boolean {
  return (
    filters.prefix('id', service.id) &&
    filters.prefix('name', service.spec.name) &&
    filters.labels('label', service.spec.labels) &&
    filters.equal('mode', service.spec.mode.kind) &&
    filters.equal('runtime', 'container')
  );
}
