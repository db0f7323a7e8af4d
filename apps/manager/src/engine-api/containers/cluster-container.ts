import { hasEnded, nodeName, taskName, type ClusterView, type Labels, type Node, type Service, type Task, type TaskTemplate } from '../../../../../libs/model/src/index.js';
import { ApiError } from '../../http/api-error.js';
import type { ContainerPlace } from '../../http/container-streams.js';

/** A container of some node, and all that the cluster knows of it. */
export interface ClusterContainer {
  id: string;
  /** `service.slot.task`, as Docker names the containers of a swarm's tasks. */
  name: string;
  task: Task;
  template: TaskTemplate | undefined;
  service: Service | undefined;
  node: Node | undefined;
  place: ContainerPlace;
}

/** The containers of all tasks that were ever started and are still remembered, the newest first. */
export function clusterContainers(view: ClusterView): ClusterContainer[] {
  const containers = [...view.all('task')].flatMap((task) => containerOf(view, task) ?? []);
  return containers.sort((a, b) => (a.task.createdAt < b.task.createdAt ? 1 : -1));
}

/**
 * The container that a path names: by id, by name, by its task's id or name (`web.1`: the newest one), or by the beginning
 * of its id. Throws 404, 400 for a beginning that several have, and 409 for a task that has no container.
 */
export function findContainer(view: ClusterView, reference: string): ClusterContainer {
  const wanted = reference.replace(/^\//, '');
  const task = view.get('task', wanted) ?? newest([...view.all('task')].filter((candidate) => isNamed(candidate, wanted)));
  if (task) return requireContainer(view, task);
  const matches = wanted === '' ? [] : [...view.all('task')].filter(({ status }) => status.container?.id.startsWith(wanted));
  if (matches.length > 1) throw new ApiError(400, `Multiple IDs found with provided prefix: ${wanted}`);
  if (!matches[0]) throw new ApiError(404, `No such container: ${reference}`);
  return requireContainer(view, matches[0]);
}

/** Throws 409 unless its process runs, as far as the cluster knows. */
export function requireLive(container: ClusterContainer): ClusterContainer {
  if (hasEnded(container.task)) throw new ApiError(409, `Container ${container.id} is not running: its task is ${container.task.status.state}`);
  return container;
}

/** Docker's labels of a task's container, beside the user's. */
export function labelsOf({ task, template, name }: ClusterContainer): Labels {
  return {
    ...template?.container.labels,
    'com.docker.swarm.node.id': task.nodeId,
    'com.docker.swarm.service.id': task.serviceId,
    'com.docker.swarm.service.name': task.serviceName,
    'com.docker.swarm.task': '',
    'com.docker.swarm.task.id': task.id,
    'com.docker.swarm.task.name': name,
  };
}

/** The node's name, for messages. */
export function nodeNameOf({ node, task }: ClusterContainer): string {
  return node ? nodeName(node) : task.nodeId;
}

function isNamed(task: Task, wanted: string): boolean {
  const name = taskName(task);
  return wanted === name || wanted === `${name}.${task.id}` || (wanted.length === 64 && task.status.container?.id === wanted);
}

/** A task that lives goes before those of the past. */
function newest(tasks: Task[]): Task | undefined {
  return tasks.sort((a, b) => Number(hasEnded(a)) - Number(hasEnded(b)) || (a.createdAt < b.createdAt ? 1 : -1))[0];
}

function requireContainer(view: ClusterView, task: Task): ClusterContainer {
  const container = containerOf(view, task);
  if (container) return container;
  const why = task.status.error || task.status.message;
  throw new ApiError(409, `task ${taskName(task)} has no container: it is ${task.status.state}${why && why !== task.status.state ? ` (${why})` : ''}`);
}

function containerOf(view: ClusterView, task: Task): ClusterContainer | undefined {
  const id = task.status.container?.id;
  if (!id) return undefined;
  return {
    id,
    name: `${taskName(task)}.${task.id}`,
    task,
    template: view.templateOf(task),
    service: view.get('service', task.serviceId),
    node: view.get('node', task.nodeId),
    place: { containerId: id, nodeId: task.nodeId },
  };
}
