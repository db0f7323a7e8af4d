import type { Change, Draft, Network, Node, Service, Task, TaskState, TaskStatus } from '../../model/src/index.js';

const never = { createdAt: '', updatedAt: '' };

export function network(id: string, name = id): Draft<Network> {
  return {
    ...never,
    id,
    spec: { name, labels: {}, driver: 'overlay', driverOpts: {}, internal: false, attachable: false, ingress: false, ipv6: false },
  };
}

export function service(id: string, name = id): Draft<Service> {
  return {
    ...never,
    id,
    spec: {
      name,
      labels: {},
      mode: { kind: 'replicated', replicas: 1 },
      template: {
        container: {
          image: 'busybox', labels: {}, env: [], hosts: [], secrets: [], configs: [], mounts: [],
          capabilityAdd: [], capabilityDrop: [], sysctls: {}, ulimits: [],
        },
        networks: [],
        forceUpdate: 0,
      },
    },
    templateVersion: 1,
    status: { ports: [], virtualIps: [] },
  };
}

export function node(id: string): Draft<Node> {
  return {
    ...never,
    id,
    spec: { labels: {}, role: 'worker', availability: 'active' },
    index: 1,
    status: { state: 'ready', message: '', address: '192.0.2.1', dataPathAddress: '192.0.2.1' },
  };
}

export function task(id: string, serviceId: string, nodeId = ''): Draft<Task> {
  return {
    ...never,
    id,
    serviceId,
    serviceName: serviceId,
    slot: 1,
    templateVersion: 1,
    nodeId,
    desiredState: 'running',
    networks: [],
    hostPorts: [],
    startAfterMs: 0,
    status: taskStatus('new'),
  };
}

export function taskStatus(state: TaskState, message = ''): TaskStatus {
  return { state, timestamp: '2026-01-01T00:00:00.000000000Z', message, error: '' };
}

export function create(kind: Change['kind'], object: { id: string }): Change {
  return { action: 'create', kind, object } as Change;
}
