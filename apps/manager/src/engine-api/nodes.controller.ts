import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query as QueryParameters, UseGuards } from '@nestjs/common';
import type { ClusterView, Node, NodeSpec } from '../../../../libs/model/src/index.js';
import { isTerminal, type Change } from '../../../../libs/model/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { ApiError, asSwarm, swarmRefusal } from '../http/api-error.js';
import { STORE } from '../http/tokens.js';
import { nodeSpecFrom, nodeTo } from './convert/node.js';
import { Filters } from './filters.js';
import type { Json } from './json-output.js';
import { findNode } from './lookup.js';
import { looseBoolean, queryText, versionOf, type Query } from './query.js';
import { SwarmGuard } from './swarm-guard.js';

const filterKeys = ['id', 'name', 'label', 'node.label', 'role', 'membership'];

@Controller('nodes')
@UseGuards(SwarmGuard)
export class NodesController {
  constructor(@Inject(STORE) private readonly store: Store) {}

  @Get()
  list(@QueryParameters() query: Query): Json[] {
    const filters = Filters.parse(queryText(query, 'filters'), filterKeys);
    for (const role of filters.get('role')) if (role !== 'worker' && role !== 'manager') throw new ApiError(400, `Invalid role filter: '${role}'`);
    const view = this.store.view();
    return [...view.all('node')].filter((node) => matches(filters, node)).map((node) => nodeTo(view, node));
  }

  @Get(':id')
  inspect(@Param('id') id: string): Json {
    const view = this.store.view();
    return nodeTo(view, findNode(view, id));
  }

  @Post(':id/update')
  @HttpCode(200)
  async update(@Param('id') id: string, @QueryParameters() query: Query, @Body() body: unknown): Promise<void> {
    const expect = versionOf(query, 'node');
    const spec = nodeSpecFrom(body);
    const view = this.store.view();
    const node = findNode(view, id);
    requireManagerLeft(view, node, spec);
    await asSwarm(this.store.commit([{ action: 'update', kind: 'node', object: { ...node, spec }, expect }]));
  }

  @Delete(':id')
  @HttpCode(200)
  async remove(@Param('id') id: string, @QueryParameters() query: Query): Promise<void> {
    const view = this.store.view();
    const node = findNode(view, id);
    if (node.spec.role === 'manager') {
      throw swarmRefusal({ code: 'precondition', message: `node ${node.id} is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal` });
    }
    if (node.status.state !== 'down' && !looseBoolean(query, 'force')) {
      throw swarmRefusal({ code: 'precondition', message: `node ${node.id} is not down and can't be removed` });
    }
    await asSwarm(this.store.commit([{ action: 'remove', kind: 'node', id: node.id }, ...orphanTasks(view, node)]));
  }
}

/** Nobody will ever report about them again, and their slots are to be filled elsewhere. */
function orphanTasks(view: ClusterView, node: Node): Change[] {
  return view
    .tasksOnNode(node.id)
    .filter((task) => !isTerminal(task.status.state))
    .map((task) => ({
      action: 'status',
      kind: 'task',
      id: task.id,
      actor: 'dispatcher',
      status: { ...task.status, state: 'orphaned', message: 'orphaned', error: `node ${node.id} was removed from the cluster` },
    }));
}

function requireManagerLeft(view: ClusterView, node: Node, spec: NodeSpec): void {
  if (node.spec.role !== 'manager' || spec.role !== 'worker') return;
  const others = [...view.all('node')].filter((other) => other.id !== node.id && other.spec.role === 'manager');
  if (others.length === 0) throw swarmRefusal({ code: 'precondition', message: 'attempting to demote the last manager of the swarm' });
}

function matches(filters: Filters, node: Node): boolean {
  const hostname = node.status.description?.hostname ?? '';
  return (
    filters.prefix('id', node.id) &&
    filters.prefix('name', node.spec.name ?? '', hostname) &&
    filters.labels('label', node.status.description?.engineLabels) &&
    filters.labels('node.label', node.spec.labels) &&
    filters.equal('role', node.spec.role) &&
    filters.equal('membership', 'accepted')
  );
}
