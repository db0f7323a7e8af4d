import type { ClusterNode } from '../api-client/types.js';
import { badUsage, exitStatus, Failure } from '../exit-status.js';
import { naturalOrder } from '../output/natural-order.js';
import { didYouMean } from '../output/suggest.js';
import type { Session } from '../session.js';
import { listContainers, nameOf, serviceNameOf, taskNameOf, type ContainerSummary } from './containers.js';

/**
 * The container that a user means: by its id or name, by a task's id or name (`web.1`), by the beginning of an id, or any
 * running one of a service; then it is said on stderr which.
 */
export async function findTarget(session: Session, reference: string): Promise<ContainerSummary> {
  if (reference === '') throw badUsage('the name of a container, task or service must not be empty');
  const containers = await listContainers(session.api(), { all: true });
  const exact = containers.filter((container) => isNamed(container, reference));
  if (exact.length > 0) return liveFirst(exact)[0]!;
  const ofService = containers.filter((container) => serviceNameOf(container) === reference || container.Labels['com.docker.swarm.service.id'] === reference);
  if (ofService.length > 0) return chooseOf(session, reference, ofService);
  const matches = containers.filter(({ Id, Labels }) => Id.startsWith(reference) || Labels['com.docker.swarm.task.id']?.startsWith(reference));
  if (matches.length === 1) return matches[0]!;
  if (matches.length > 1) throw new Failure(exitStatus.failed, `${reference} is the beginning of ${matches.length} ids: give more of it`);
  const names = containers.flatMap((container) => [taskNameOf(container), serviceNameOf(container)]);
  const suggestion = didYouMean(reference, new Set(names));
  throw new Failure(exitStatus.failed, `no such container, task or service: ${reference}${suggestion && `.${suggestion}`}`);
}

function isNamed(container: ContainerSummary, reference: string): boolean {
  const { Id, Labels } = container;
  return [Id, nameOf(container), taskNameOf(container), Labels['com.docker.swarm.task.id']].includes(reference);
}

async function chooseOf(session: Session, service: string, containers: ContainerSummary[]): Promise<ContainerSummary> {
  const live = liveFirst(containers).filter(({ State }) => State === 'running' || State === 'paused');
  const chosen = live.find(({ Status }) => !Status.includes('(node ')) ?? live[0];
  if (!chosen) throw new Failure(exitStatus.failed, `service ${service} runs no task at the moment: "shoal service ps ${service}" says why`);
  if (live.length > 1) session.err.write(`${taskNameOf(chosen)} on ${await nodeNameOf(session, chosen)} (one of ${live.length})\n`);
  return chosen;
}

/** Those that run, in the order of their slots, then the past. */
function liveFirst(containers: ContainerSummary[]): ContainerSummary[] {
  const rank = ({ State }: ContainerSummary) => ['running', 'paused', 'created', 'exited'].indexOf(State);
  return [...containers].sort((a, b) => rank(a) - rank(b) || naturalOrder(taskNameOf(a), taskNameOf(b)) || b.Created - a.Created);
}

export async function nodeNameOf(session: Session, container: ContainerSummary): Promise<string> {
  const id = container.Labels['com.docker.swarm.node.id'] ?? '';
  const node = await session.api().get<ClusterNode>(`/nodes/${encodeURIComponent(id)}`).catch(() => undefined);
  return node?.Description.Hostname ?? id;
}
