import { humanDuration, parseTimestamp } from '../../../../../libs/base/src/index.js';
import { hasEnded, runningSinceOf, type ClusterView, type LiveState, type PortConfig, type Task } from '../../../../../libs/model/src/index.js';
import { omitEmpty, type Json } from '../json-output.js';
import { labelsOf, nodeNameOf, type ClusterContainer } from './cluster-container.js';
import { endpointsTo } from './endpoints.js';
import { mountPointsTo } from './mount-points.js';

/** Docker's word for what a container does. */
export type StateWord = 'created' | 'running' | 'paused' | 'exited';

export function stateOf(task: Task, live: LiveState | undefined): StateWord {
  if (hasEnded(task)) return 'exited';
  if (task.status.state !== 'starting' && task.status.state !== 'running') return 'created';
  return live?.isPaused ? 'paused' : 'running';
}

/** One line of `docker ps`. */
export function summaryTo(view: ClusterView, container: ClusterContainer, live: LiveState | undefined, nowMs: number): Json {
  const { task, template } = container;
  const spec = template?.container;
  return {
    Id: container.id,
    Names: [`/${container.name}`],
    Image: spec?.image ?? '',
    ImageID: '',
    Command: [...(spec?.command ?? []), ...(spec?.args ?? [])].join(' '),
    Created: Math.floor(parseTimestamp(task.createdAt) / 1000) || 0,
    Ports: portsOf(container).map(({ protocol = 'tcp', targetPort, publishedPort }) => omitEmpty({ IP: publishedPort ? '0.0.0.0' : '', PrivatePort: targetPort, PublicPort: publishedPort, Type: protocol })),
    Labels: labelsOf(container),
    State: stateOf(task, live),
    Status: statusText(container, live, nowMs),
    HostConfig: { NetworkMode: spec?.networkMode ?? 'default' },
    NetworkSettings: { Networks: endpointsTo(view, container) },
    Mounts: mountPointsTo(spec?.mounts ?? []),
  };
}

/** Published anywhere in the cluster, or on its own node. */
export function portsOf({ task, service }: ClusterContainer): PortConfig[] {
  if (hasEnded(task)) return [];
  const ingress = (service?.status.ports ?? []).filter(({ publishMode }) => publishMode !== 'host');
  return [...ingress, ...task.hostPorts];
}

/** `Up 5 minutes (healthy)`, `Exited (1) 2 minutes ago`, `Created`. */
export function statusText(container: ClusterContainer, live: LiveState | undefined, nowMs: number): string {
  const { task, node } = container;
  const state = stateOf(task, live);
  if (state === 'created') return 'Created';
  if (state === 'exited') return `Exited (${task.status.container?.exitCode ?? 0}) ${humanDuration(nowMs - parseTimestamp(task.status.timestamp))} ago`;
  const up = `Up ${humanDuration(nowMs - parseTimestamp(runningSinceOf(task.status) ?? task.status.timestamp))}`;
  if (node?.status.state !== 'ready') return `${up} (node ${nodeNameOf(container)} is ${node?.status.state ?? 'gone'})`;
  if (state === 'paused') return `${up} (Paused)`;
  return live === undefined || live.health === 'none' ? up : `${up} (${live.health === 'starting' ? 'health: starting' : live.health})`;
}
