import { IndexedView } from '../cluster-view.js';
import { templateId, type Cluster, type Network, type Node, type NodeDescription, type Service, type Task, type TaskStatus, type Template } from '../objects.js';
import type { Kind, Kinds } from '../change.js';
import type { ContainerSpec, ServiceSpec, TaskTemplate } from '../service.js';

/** Objects for tests: whole and valid with no arguments, and each test says only what it is about. */

const stored = { version: 1, createdAt: '2024-01-01T00:00:00.000000000Z', updatedAt: '2024-01-01T00:00:00.000000000Z' };

export function aCluster(parts: Partial<Cluster> = {}): Cluster {
  return {
    ...stored,
    id: 'cluster',
    clusterId: 'the-cluster',
    name: 'default',
    labels: {},
    taskHistoryLimit: 5,
    heartbeatPeriodMs: 5000,
    addressPools: ['10.0.0.0/8'],
    subnetBits: 24,
    dataPathPort: 4789,
    rootCaCertificate: '',
    joinTokens: { worker: '', manager: '' },
    ...parts,
  };
}

export interface NodeParts {
  id?: string;
  index?: number;
  spec?: Partial<Node['spec']>;
  status?: Partial<Node['status']>;
  description?: Partial<NodeDescription>;
}

/** A ready worker with 4 CPUs and 8 GiB. Its host name is its id. */
export function aNode({ id = 'node-a', index = 1, spec, status, description }: NodeParts = {}): Node {
  return {
    ...stored,
    id,
    index,
    spec: { labels: {}, role: 'worker', availability: 'active', ...spec },
    status: {
      state: 'ready',
      message: '',
      address: `192.0.2.${index}`,
      dataPathAddress: `192.0.2.${index}`,
      description: {
        hostname: id,
        os: 'linux',
        architecture: 'x86_64',
        nanoCpus: 4e9,
        memoryBytes: 8 * 2 ** 30,
        generic: [],
        engineVersion: '0.1.0',
        engineLabels: {},
        kernelVersion: '6.1.0',
        osName: 'Debian GNU/Linux 12',
        ...description,
      },
      ...status,
    },
  };
}

export function aTemplate(parts: Partial<Omit<TaskTemplate, 'container'>> & { container?: Partial<ContainerSpec> } = {}): TaskTemplate {
  const { container, ...rest } = parts;
  return {
    container: {
      image: 'shoal/whoami:1',
      labels: {},
      env: [],
      hosts: [],
      secrets: [],
      configs: [],
      mounts: [],
      capabilityAdd: [],
      capabilityDrop: [],
      sysctls: {},
      ulimits: [],
      ...container,
    },
    networks: [],
    forceUpdate: 0,
    ...rest,
  };
}

export interface ServiceParts extends Partial<Omit<Service, 'spec' | 'status'>> {
  /** Also the name. Defaults to `web`. */
  id?: string;
  replicas?: number;
  spec?: Partial<ServiceSpec>;
  status?: Partial<Service['status']>;
}

/** A replicated service called after its id. */
export function aService({ id = 'web', replicas = 1, spec, status, ...rest }: ServiceParts = {}): Service {
  return {
    ...stored,
    id,
    templateVersion: 1,
    spec: { name: id, labels: {}, template: aTemplate(), mode: { kind: 'replicated', replicas }, ...spec },
    status: { ports: [], virtualIps: [], ...status },
    ...rest,
  };
}

export interface TaskParts extends Partial<Omit<Task, 'status'>> {
  state?: Task['status']['state'];
  status?: Partial<TaskStatus>;
}

/** A task of `web` that is wanted to run; `state` is its observed state (new). */
export function aTask({ state = 'new', status, ...rest }: TaskParts = {}): Task {
  const slot = rest.slot ?? 1;
  return {
    ...stored,
    id: `task-${slot}`,
    serviceId: 'web',
    serviceName: rest.serviceId ?? 'web',
    slot,
    templateVersion: 1,
    nodeId: '',
    desiredState: 'running',
    networks: [],
    hostPorts: [],
    startAfterMs: 0,
    status: { state, timestamp: stored.createdAt, message: '', error: '', ...status },
    ...rest,
  };
}

export function aNetwork(parts: Partial<Omit<Network, 'spec'>> & { spec?: Partial<Network['spec']> } = {}): Network {
  const { spec, id = 'webnet', ...rest } = parts;
  return {
    ...stored,
    id,
    spec: { name: id, labels: {}, driver: 'overlay', driverOpts: {}, internal: false, attachable: false, ingress: false, ipv6: false, ...spec },
    ...rest,
  };
}

/** The built-in network of services that name none. */
export function anIngressNetwork(): Network {
  return aNetwork({
    id: 'ingress',
    spec: { ingress: true },
    allocation: { subnets: [{ subnet: '10.255.0.0/16', gateway: '10.255.0.1' }], vni: 4096 },
  });
}

/** A view of these objects. Templates of the services' current versions are there unless given. */
export function viewOf(objects: { [K in Kind]?: readonly Kinds[K][] }): IndexedView {
  const view = new IndexedView();
  view.revision = 1;
  for (const [kind, list] of Object.entries(objects) as [Kind, readonly Kinds[Kind][]][]) {
    for (const object of list) view.apply(kind, object.id, object as never);
  }
  for (const service of view.all('service')) {
    const id = templateId(service.id, service.templateVersion);
    if (!view.get('template', id)) view.apply('template', id, templateObject(service));
  }
  return view;
}

function templateObject(service: Service): Template {
  return { ...stored, id: templateId(service.id, service.templateVersion), template: service.spec.template };
}
