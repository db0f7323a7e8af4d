import { assignmentSet } from '../../../dispatcher/src/index.js';
import { sameJson } from '../../../base/src/index.js';
import { compareStates, defaults, hasEnded, isWanted, type ClusterView, type Service, type Task } from '../../../model/src/index.js';
import { containerIdOf, itemsOf } from '../../../worker/src/index.js';
import { isGood } from '../images.js';
import type { Machine } from '../machine.js';
import type { World } from '../world.js';

/**
 * Why a cluster that was repaired and left alone is not at rest; empty: it is.
 *
 * At rest every deploy has an end (converged, rolled back, or paused with a reason), every slot runs or says why not, and every node
 * has exactly what it was told to have.
 */
export async function unrest(world: World): Promise<string[]> {
  const { view } = world.authority;
  if (!world.leader) return ['no manager leads'];
  const nodes = world.machines.filter(({ isRetired }) => !isRetired);
  const reasons = nodes.filter(({ nodeId }) => view.get('node', nodeId)?.status.state !== 'ready').map(({ nodeId }) => `${nodeId} is ${view.get('node', nodeId)?.status.state ?? 'not there'}`);
  for (const service of view.all('service')) reasons.push(...ofService(view, service, world.clock.wallMs()));
  for (const task of view.all('task')) if (!view.get('service', task.serviceId)) reasons.push(`task ${task.id} of ${task.serviceName}, which is gone, is ${task.status.state}`);
  for (const machine of nodes) reasons.push(...(await ofMachine(view, machine)));
  return reasons;
}

function ofService(view: ClusterView, service: Service, wallMs: number): string[] {
  const { spec, status } = service;
  const { update } = status;
  const reasons: string[] = [];
  const tasks = view.tasksOfService(service.id).filter((task) => isWanted(task) && !hasEnded(task));
  const wanted = slotsWanted(service);
  const isPaused = update?.state === 'paused' || update?.state === 'rollback_paused' || update?.state === 'canary';
  if (isPaused && update.message === '') reasons.push(`${spec.name} is ${update.state} without a reason`);
  const isUnderWay = update?.state === 'updating' || update?.state === 'rollback_started';
  // An update may wait for what has no place or crashes all the time, as long as that says so.
  const waits = tasks.some((task) => task.status.state !== 'running' && isSettled(task, wallMs));
  if (isUnderWay && !waits && !service.orders?.stopped) reasons.push(`the update of ${spec.name} does not end: ${update.state} since ${update.startedAt}`);
  const slots = new Set(tasks.map((task) => task.slot || task.nodeId));
  const mayEnd = spec.template.restart?.condition !== undefined && spec.template.restart.condition !== 'any';
  if (wanted !== undefined && slots.size !== wanted && !mayEnd && !isPaused) reasons.push(`${spec.name} has tasks in ${slots.size} slots instead of ${wanted}`);
  for (const task of tasks) {
    const name = `${spec.name}.${task.slot || task.nodeId} (${task.id})`;
    if (!isSettled(task, wallMs)) reasons.push(`${name} is ${task.status.state}, wanted ${task.desiredState}: ${task.status.error || task.status.message}`);
    else if (!isPaused && !isOnPausedNode(view, task) && !(isUnderWay && waits) && task.templateVersion !== service.templateVersion && isGood(spec.template.container.image)) reasons.push(`${name} is of version ${task.templateVersion} instead of ${service.templateVersion}, and the update is ${update?.state ?? 'none'}`);
  }
  return reasons;
}

/** Undefined: that is not for the service alone to say. */
function slotsWanted({ spec: { mode }, orders }: Service): number | undefined {
  if (orders?.stopped) return 0;
  return mode.kind === 'replicated' ? (mode.replicas ?? defaults.replicas) : undefined;
}

/** A global service leaves its tasks there as they are until the node takes new ones. */
function isOnPausedNode(view: ClusterView, task: Task): boolean {
  return task.slot === 0 && view.get('node', task.nodeId)?.spec.availability === 'pause';
}

/** It runs, says what it lacks, or waits to be restarted. */
function isSettled(task: Task, wallMs: number): boolean {
  if (task.status.state === 'running') return true;
  if (compareStates(task.status.state, 'assigned') < 0) return task.status.error !== '';
  return (task.crashesBefore ?? 0) > 0 || task.startAfterMs > wallMs;
}

async function ofMachine(view: ClusterView, machine: Machine): Promise<string[]> {
  const { name, nodeId, network } = machine;
  if (!machine.power) return [`${name} is switched off`];
  const reasons: string[] = [];
  const tasks = view.tasksOnNode(nodeId);
  const known = new Map(tasks.filter((task) => !hasEnded(task)).map((task) => [containerIdOf(task.id), task]));
  for (const { id, state, labels } of await machine.runtime.list()) {
    const task = known.get(id);
    if (!task) reasons.push(`${name} has a container (${state}) of a task that is over or unknown: ${labels['com.docker.swarm.task.name']}`);
    else if (state === 'running' && compareStates(task.status.state, 'starting') < 0) reasons.push(`${name} runs task ${task.id}, which is ${task.status.state}`);
  }
  for (const task of tasks) if (task.status.state === 'running' && !machine.runs(task.id)) reasons.push(`${name} does not run task ${task.id}, which is running`);
  for (const id of network.containers.keys()) if (!known.has(id)) reasons.push(`${name} has a network attachment of no task: ${id}`);
  const wanted = itemsOf(assignmentSet(view, nodeId, () => ''), 'service');
  const applied = network.view?.services ?? [];
  for (const service of wanted) if (!sameJson(applied.find(({ id }) => id === service.id), service)) reasons.push(`${name} has other endpoints of ${service.name} than it should`);
  if (applied.length !== wanted.length) reasons.push(`${name} knows ${applied.length} services instead of ${wanted.length}`);
  return reasons;
}
