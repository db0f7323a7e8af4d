import type { ApiClient } from '../api-client/client.js';
import type { Filters } from '../api-client/filters.js';

/** A container as the list shows it, as far as this program reads it. */
export interface ContainerSummary {
  Id: string;
  Names: string[];
  Image: string;
  Command: string;
  /** Unix seconds. */
  Created: number;
  Ports: { IP?: string; PrivatePort: number; PublicPort?: number; Type: string }[];
  Labels: Record<string, string>;
  State: string;
  Status: string;
  Mounts?: { Name?: string; Source?: string; Type: string }[];
  NetworkSettings?: { Networks?: Record<string, unknown> };
}

export interface ContainerDetails {
  Id: string;
  Name: string;
  State: { Running: boolean; Paused: boolean; ExitCode: number };
  Config: { Tty: boolean; OpenStdin: boolean };
}

export async function listContainers(api: ApiClient, options: { all?: boolean; filters?: Filters; limit?: number } = {}): Promise<ContainerSummary[]> {
  const query = { all: options.all ? 1 : undefined, limit: options.limit };
  return (await api.get<ContainerSummary[] | null>('/containers/json', { query, ...(options.filters && { filters: options.filters }) })) ?? [];
}

export function nameOf(container: ContainerSummary): string {
  return (container.Names[0] ?? container.Id).replace(/^\//, '');
}

/** `web.1`: the name without the id of its task. */
export function taskNameOf(container: ContainerSummary): string {
  const taskId = container.Labels['com.docker.swarm.task.id'];
  return taskId === undefined ? nameOf(container) : nameOf(container).replace(new RegExp(`\\.${taskId}$`), '');
}

export function serviceNameOf(container: ContainerSummary): string {
  return container.Labels['com.docker.swarm.service.name'] ?? '';
}

export function pathOf(id: string, verb = ''): string {
  return `/containers/${encodeURIComponent(id)}${verb && `/${verb}`}`;
}
