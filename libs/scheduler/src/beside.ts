import { isWanted, joinedServices, taskName, type ClusterView, type Task, type TaskTemplate } from '../../model/src/index.js';

/**
 * Where a task can be that shares namespaces of other services' tasks: on the nodes where, of each of them, a task of the same slot
 * runs (of a global service: any task of it). It waits until there is one, as it would have nothing to join.
 */
export function nodesBeside(view: ClusterView, task: Task, template: TaskTemplate): { nodeIds: string[] } | { error: string } {
  let common: string[] | undefined;
  const services = joinedServices(template.container);
  for (const name of services) {
    const nodeIds = nodesOfPartners(view, task, name);
    if (nodeIds.length === 0) return { error: `waits for ${partnerOf(task, name)} to run, whose namespaces it shares` };
    common = common ? common.filter((nodeId) => nodeIds.includes(nodeId)) : nodeIds;
  }
  if (common?.length) return { nodeIds: common };
  return { error: `shares namespaces of ${services.join(' and ')}, which run on no common node` };
}

export function sharesNamespaces(template: TaskTemplate): boolean {
  const { pidMode = '', ipcMode = '', networkMode = '' } = template.container;
  return [pidMode, ipcMode, networkMode].some((mode) => mode.startsWith('service:'));
}

function nodesOfPartners(view: ClusterView, task: Task, serviceName: string): string[] {
  const service = view.named('service', serviceName);
  if (!service) return [];
  const partners = view.tasksOfService(service.id).filter((other) => other.status.state === 'running' && isWanted(other) && (other.slot === task.slot || other.slot === 0));
  const nodeIds = [...new Set(partners.map(({ nodeId }) => nodeId))].sort();
  return task.nodeId === '' ? nodeIds : nodeIds.filter((nodeId) => nodeId === task.nodeId);
}

function partnerOf(task: Task, serviceName: string): string {
  return task.slot === 0 ? `a task of ${serviceName} on its node` : taskName({ ...task, serviceName });
}
