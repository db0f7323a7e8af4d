import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query as QueryParameters, UseGuards } from '@nestjs/common';
import { addressUse } from '../../../../libs/allocator/src/index.js';
import type { Random } from '../../../../libs/base/src/index.js';
import { checkNetworkSpec, hasOwnNetworks, isIngress, isPredefinedNetwork, type ClusterView, type Network, type NetworkSpec, type Service } from '../../../../libs/model/src/index.js';
import { removalOfStackMember } from '../../../../libs/stack/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { ApiError, asSwarm, refuseFirst, swarmRefusal } from '../http/api-error.js';
import { RANDOM, STORE } from '../http/tokens.js';
import { networkSpecFrom, networkStatusTo, networkTo } from './convert/network.js';
import { Filters } from './filters.js';
import type { Json } from './json-output.js';
import { findNetwork } from './lookup.js';
import { queryText, type Query } from './query.js';
import { SwarmGuard } from './swarm-guard.js';

const filterKeys = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'];

/** Networks of the cluster. Those of a single host (bridge, host, none) are not here: tasks have no use for them. */
@Controller('networks')
@UseGuards(SwarmGuard)
export class NetworksController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(RANDOM) private readonly random: Random,
  ) {}

  @Get()
  list(@QueryParameters() query: Query): Json[] {
    const filters = Filters.parse(queryText(query, 'filters'), filterKeys);
    const view = this.store.view();
    return [...view.all('network')].filter((network) => matches(view, filters, network)).map(networkTo);
  }

  @Get(':id')
  inspect(@Param('id') id: string, @QueryParameters() query: Query): Json {
    const scope = queryText(query, 'scope') ?? '';
    if (scope === 'swarm' && (id === 'host' || id === 'none')) return predefinedNetwork(id);
    if (scope === 'swarm' && isPredefinedNetwork(id)) {
      throw new ApiError(501, `network ${id} is not available to services; use an overlay network`);
    }
    if (scope !== '' && scope !== 'swarm') throw new ApiError(404, `network ${id} not found`);
    const view = this.store.view();
    const network = findNetwork(view, id);
    return { ...networkTo(network), Status: networkStatusTo(addressUse(view, network.id)) };
  }

  @Post('create')
  async create(@Body() body: unknown): Promise<Json> {
    const spec = networkSpecFrom(body);
    admit(this.store.view(), spec);
    const id = this.random.id();
    await asSwarm(this.store.commit([{ action: 'create', kind: 'network', object: { id, spec, createdAt: '', updatedAt: '' } }]));
    return { Id: id, Warning: '' };
  }

  @Delete(':id')
  @HttpCode(204)
  async remove(@Param('id') id: string): Promise<void> {
    if (isPredefinedNetwork(id)) throw new ApiError(403, `${id} is a pre-defined network and cannot be removed`);
    const view = this.store.view();
    const network = findNetwork(view, id);
    const user = usersOf(view, network)[0];
    if (user && network.spec.ingress) throw swarmRefusal({ code: 'precondition', message: `ingress network cannot be removed because service ${user} depends on it` });
    if (user) throw swarmRefusal({ code: 'precondition', message: `network ${network.id} is in use by service ${user}` });
    await asSwarm(this.store.commit(removalOfStackMember(this.store.view(), 'network', network)));
  }

  @Post('prune')
  @HttpCode(200)
  async prune(@QueryParameters() query: Query): Promise<Json> {
    const filters = Filters.parse(queryText(query, 'filters'), ['label', 'until']);
    const view = this.store.view();
    const unused = [...view.all('network')].filter((network) => !network.spec.ingress && filters.labels('label', network.spec.labels) && usersOf(view, network).length === 0);
    await asSwarm(this.store.commit(unused.map(({ id }) => ({ action: 'remove', kind: 'network', id }))));
    return { NetworksDeleted: unused.map(({ spec }) => spec.name) };
  }

  @Post(':id/connect')
  connect(): never {
    throw new ApiError(501, 'connecting single containers to networks is not available; attach the service: docker service update --network-add');
  }

  @Post(':id/disconnect')
  disconnect(): never {
    throw new ApiError(501, 'disconnecting single containers from networks is not available; detach the service: docker service update --network-rm');
  }
}

function admit(view: ClusterView, spec: NetworkSpec): void {
  // The network API words these two itself, without Swarm's prefix.
  if (isPredefinedNetwork(spec.name) || view.named('network', spec.name)) throw new ApiError(409, `network with name ${spec.name} already exists`);
  const ingress = [...view.all('network')].find((network) => network.spec.ingress);
  if (spec.ingress && ingress) throw swarmRefusal({ code: 'already-exists', message: `ingress network (${ingress.id}) is already present` });
  const problems = checkNetworkSpec(spec);
  const missingDriver = problems.find((problem) => problem.code === 'not-found');
  if (missingDriver) throw new ApiError(404, missingDriver.message);
  refuseFirst(problems);
}

/** Services that are attached to it; to the ingress network also those that name none, or publish a port. Their tasks do not count: they go with the service. */
function usersOf(view: ClusterView, network: Network): string[] {
  const isUser = (target: { target: string }) => target.target === network.id || target.target === network.spec.name;
  const needsIngress = ({ spec: { template, endpoint } }: Service) =>
    (hasOwnNetworks(template.container) && template.networks.length === 0) || (endpoint?.ports ?? []).some(isIngress);
  return [...view.all('service')].filter((service) => service.spec.template.networks.some(isUser) || (network.spec.ingress && needsIngress(service))).map((service) => service.id);
}

function matches(view: ClusterView, filters: Filters, network: Network): boolean {
  const dangling = filters.get('dangling')[0];
  return (
    filters.prefix('id', network.id) &&
    (filters.get('name').length === 0 || filters.get('name').some((name) => network.spec.name.includes(name))) &&
    filters.labels('label', network.spec.labels) &&
    filters.equal('driver', network.spec.driver) &&
    filters.equal('scope', 'swarm') &&
    filters.equal('type', 'custom') &&
    (dangling === undefined || ['true', '1'].includes(dangling) === (usersOf(view, network).length === 0))
  );
}

/** What a client asks for that gives a service the network of the host, or none: it posts the id back. */
function predefinedNetwork(name: 'host' | 'none'): Json {
  return { Name: name, Id: name, Created: '0001-01-01T00:00:00Z', Scope: 'swarm', Driver: name === 'host' ? 'host' : 'null', EnableIPv6: false, IPAM: { Driver: 'default', Options: null, Config: null }, Internal: false, Attachable: false, Ingress: false, ConfigOnly: false, Containers: {}, Options: {}, Labels: {} };
}
