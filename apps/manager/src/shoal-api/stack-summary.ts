import type { ClusterView } from '../../../../libs/model/src/index.js';
import { inventoryOf } from '../../../../libs/stack/src/index.js';
import { serviceStatusTo } from '../engine-api/convert/service.js';
import { ApiError } from '../http/api-error.js';

export interface StackSummary {
  name: string;
  /** 0: the docker CLI deployed it, there is no record. */
  revision: number;
  services: number;
  updatedAt?: string;
}

export interface StackDetails extends Omit<StackSummary, 'services'> {
  createdAt?: string;
  services: { id: string; name: string; mode: string; running: number; desired: number; image: string; ports: string[] }[];
  networks: { id: string; name: string }[];
  secrets: { id: string; name: string }[];
  configs: { id: string; name: string }[];
}

export function stackSummary(view: ClusterView, name: string): StackSummary {
  const record = view.get('stack', name);
  return { name, revision: record?.revision ?? 0, services: inventoryOf(view, name).services.length, ...(record ? { updatedAt: record.updatedAt } : {}) };
}

export function stackDetails(view: ClusterView, name: string): StackDetails {
  const own = inventoryOf(view, name);
  const record = view.get('stack', name);
  if (!record && own.services.length === 0) throw new ApiError(404, `nothing found in stack: ${name}`);
  const named = (object: { id: string; spec: { name: string } }) => ({ id: object.id, name: object.spec.name });
  return {
    name,
    revision: record?.revision ?? 0,
    ...(record ? { createdAt: record.createdAt, updatedAt: record.updatedAt } : {}),
    services: own.services.map((service) => {
      const status = serviceStatusTo(view, service);
      return {
        ...named(service),
        mode: service.spec.mode.kind,
        running: status['RunningTasks'] as number,
        desired: status['DesiredTasks'] as number,
        image: service.spec.template.container.image,
        ports: service.status.ports.map((port) => `${port.publishMode === 'host' ? '' : '*:'}${port.publishedPort}->${port.targetPort}/${port.protocol ?? 'tcp'}`),
      };
    }),
    networks: own.networks.map(named),
    secrets: own.secrets.map(named),
    configs: own.configs.map(named),
  };
}
