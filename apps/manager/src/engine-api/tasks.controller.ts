import { Controller, Get, Inject, Param, Query as QueryParameters, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { taskName, taskStates, type ClusterView, type Task } from '../../../../libs/model/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { ApiError } from '../http/api-error.js';
import { STORE } from '../http/tokens.js';
import { taskTo } from './convert/task.js';
import { Filters } from './filters.js';
import type { Json } from './json-output.js';
import { findNode, findService, findTask } from './lookup.js';
import { queryText, type Query } from './query.js';
import { SwarmGuard } from './swarm-guard.js';
import { TaskLogs } from './task-logs.js';

const filterKeys = ['id', 'name', 'label', 'service', 'node', 'desired-state', 'runtime', '_up-to-date'];

@Controller('tasks')
@UseGuards(SwarmGuard)
export class TasksController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(TaskLogs) private readonly taskLogs: TaskLogs,
  ) {}

  @Get()
  list(@QueryParameters() query: Query): Json[] {
    const filters = Filters.parse(queryText(query, 'filters'), filterKeys);
    const view = this.store.view();
    return candidates(view, filters).filter((task) => matches(view, filters, task)).map((task) => taskTo(view, task));
  }

  @Get(':id')
  inspect(@Param('id') id: string): Json {
    const view = this.store.view();
    return taskTo(view, findTask(view, id));
  }

  @Get(':id/logs')
  logs(@Param('id') id: string, @QueryParameters() query: Query, @Res() reply: FastifyReply): Promise<void> {
    const task = findTask(this.store.view(), id);
    return this.taskLogs.send(reply, query, { taskId: task.id });
  }
}

/** Through the indexes where a filter allows it: clients poll one service at a time. */
function candidates(view: ClusterView, filters: Filters): Task[] {
  for (const state of filters.get('desired-state')) {
    if (!(taskStates as readonly string[]).includes(state)) throw new ApiError(400, `Invalid desired-state filter: '${state}'`);
  }
  const serviceIds = filters.get('service').map((reference) => serviceIdOf(view, reference));
  const nodeIds = filters.get('node').map((reference) => findNode(view, reference).id);
  if (serviceIds.length > 0) {
    const tasks = [...new Set(serviceIds)].flatMap((id) => view.tasksOfService(id));
    return nodeIds.length > 0 ? tasks.filter((task) => nodeIds.includes(task.nodeId)) : tasks;
  }
  if (nodeIds.length > 0) return [...new Set(nodeIds)].flatMap((id) => view.tasksOnNode(id));
  return [...view.all('task')];
}

/** Tasks may outlive their service for a moment; whoever waits for them to go knows its id. */
function serviceIdOf(view: ClusterView, reference: string): string {
  return view.tasksOfService(reference).length > 0 ? reference : findService(view, reference).id;
}

function matches(view: ClusterView, filters: Filters, task: Task): boolean {
  const service = view.get('service', task.serviceId);
  return (
    filters.prefix('id', task.id) &&
    filters.prefix('name', `${taskName(task)}.${task.id}`) &&
    filters.labels('label', service?.spec.labels) &&
    filters.equal('desired-state', task.desiredState) &&
    filters.equal('runtime', 'container') &&
    (!upToDateOnly(filters) || service?.templateVersion === task.templateVersion)
  );
}

function upToDateOnly(filters: Filters): boolean {
  return filters.get('_up-to-date').includes('true');
}
