import { setImmediate } from 'node:timers/promises';
import { Controller, Get, HttpCode, Inject, Param, Post, Query as QueryParameters, UseGuards } from '@nestjs/common';
import type { Clock, Random } from '../../../../libs/base/src/index.js';
import { outlook, type Outlook } from '../../../../libs/control/src/index.js';
import { byAge, hasEnded, isWanted, nodeName, taskName, type Change, type ClusterView, type Node, type Task } from '../../../../libs/model/src/index.js';
import { evictionsOf, planRebalance } from '../../../../libs/scheduler/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { findNode, findService, findTask } from '../engine-api/lookup.js';
import { looseBoolean, queryText, type Query } from '../engine-api/query.js';
import { SwarmGuard } from '../engine-api/swarm-guard.js';
import { ApiError, asSwarm } from '../http/api-error.js';
import { CLOCK, RANDOM, STORE } from '../http/tokens.js';
import { explainService, explainOne, type ServiceExplanation, type TaskExplanation } from './placement-explanation.js';

export interface RebalanceAnswer {
  moves: { service: string; task: string; from: string; to: string; why: string }[];
}

/** Why tasks are where they are, and where they would be. */
@Controller('shoal/v1')
@UseGuards(SwarmGuard)
export class PlacementController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(RANDOM) private readonly random: Random,
  ) {}

  @Get('tasks/:id/explanation')
  explainTask(@Param('id') reference: string): TaskExplanation {
    const view = this.store.view();
    return explainOne(view, newestOf(view, reference) ?? findTask(view, reference));
  }

  @Get('services/:name/explanation')
  explainService(@Param('name') reference: string): ServiceExplanation {
    const view = this.store.view();
    return explainService(view, findService(view, reference));
  }

  /** `change`: `drain`, or `down` for a node that is lost. */
  @Get('nodes/:id/outlook')
  outlook(@Param('id') reference: string, @QueryParameters() query: Query): Promise<Outlook> {
    const view = this.store.view();
    const node = findNode(view, reference);
    return outlook(view, [changeOf(node, queryText(query, 'change') ?? 'drain')], { nowMs: this.clock.wallMs(), random: this.random }, () => setImmediate());
  }

  @Post('rebalance')
  @HttpCode(200)
  async rebalance(@QueryParameters() query: Query): Promise<RebalanceAnswer> {
    const view = this.store.view();
    const moves = planRebalance(view, [...view.all('service')].sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1)));
    if (moves.length > 0 && !looseBoolean(query, 'dryRun')) await asSwarm(this.store.commit(evictionsOf(moves, this.clock.wallMs())));
    return { moves: moves.map(({ task, from, to, why }) => ({ service: task.serviceName, task: taskName(task), from: nodeName(from.node), to: nodeName(to.node), why })) };
  }
}

/** `web.3`: the task of a slot that is wanted now, or was last. */
function newestOf(view: ClusterView, reference: string): Task | undefined {
  const [, name, slot] = /^(.+)\.([0-9]+)$/.exec(reference) ?? [];
  const service = name === undefined ? undefined : view.named('service', name);
  if (!service) return undefined;
  const tasks = view.tasksOfService(service.id).filter((task) => task.slot === Number(slot)).sort(byAge);
  return tasks.findLast((task) => isWanted(task) && !hasEnded(task)) ?? tasks.at(-1);
}

function changeOf(node: Node, change: string): Change {
  if (change === 'drain') return { action: 'update', kind: 'node', object: { ...node, spec: { ...node.spec, availability: 'drain' } } };
  if (change === 'down') return { action: 'status', kind: 'node', id: node.id, status: { ...node.status, state: 'down', message: 'what if' } };
  throw new ApiError(400, `change: "${change}" is not drain or down`);
}
