import { sameJson } from '../../base/src/index.js';
import {
  compareStates,
  hasEnded,
  isEncrypted,
  isWanted,
  itemKey,
  mtuOf,
  openLogins,
  registryOf,
  type AssignedFile,
  type AssignedNetwork,
  type AssignedTask,
  type AssignmentItem,
  type AssignmentSet,
  type ClusterView,
  type FileReference,
  type Labels,
  type Network,
  type Node,
  type RegistryCredentials,
  type RegistryLogins,
  type Secret,
  type SecretSpec,
  type Service,
  type Task,
  type TaskTemplate,
} from '../../model/src/index.js';
import { assignedService, networksOfService } from './endpoints.js';

/** Decrypts the content of a secret, or what else is sealed like one; returns it as base64. */
export type OpenSecret = (secret: Pick<Secret, 'sealed'>) => string;

/**
 * Assignment sets of any number of nodes at one revision of the view. What nodes share (services with their endpoints, networks, files, peers)
 * is made once, so a node costs its own tasks and what they can reach.
 *
 * Use it within one synchronous stretch. With the planner of an earlier revision, items that have not changed stay the same objects,
 * and `diffAssignments` passes over them without looking inside.
 */
export interface AssignmentPlanner {
  forNode(nodeId: string): AssignmentSet;
}

export function assignmentPlanner(view: ClusterView, openSecret: OpenSecret, previous?: AssignmentPlanner): AssignmentPlanner {
  return new Planner(view, openSecret, previous instanceof Planner ? previous : undefined);
}

/** The set of a single node; for many nodes at one revision use `assignmentPlanner`. */
export function assignmentSet(view: ClusterView, nodeId: string, openSecret: OpenSecret): AssignmentSet {
  return assignmentPlanner(view, openSecret).forNode(nodeId);
}

class Planner implements AssignmentPlanner {
  /** By `itemKey`. */
  readonly #made = new Map<string, AssignmentItem>();
  readonly #opened: WeakMap<Secret, string>;
  readonly #logins: WeakMap<Service, RegistryLogins>;
  readonly #before: ReadonlyMap<string, AssignmentItem>;
  #reach: { byNetwork: Map<string, Service[]>; publishing: Service[] } | undefined;
  #peers: AssignmentItem[] | undefined;

  constructor(
    readonly view: ClusterView,
    readonly openSecret: OpenSecret,
    previous: Planner | undefined,
  ) {
    const known = previous?.openSecret === openSecret ? previous : undefined;
    this.#opened = known ? known.#opened : new WeakMap();
    this.#logins = known ? known.#logins : new WeakMap();
    this.#before = previous ? previous.#made : new Map();
  }

  forNode(nodeId: string): AssignmentSet {
    const set = new Map<string, AssignmentItem>();
    const add = (item: AssignmentItem | undefined) => item && set.set(keyOf(item), item);
    const networks = new Set<string>();
    for (const task of this.view.tasksOnNode(nodeId)) {
      if (!isSent(task)) continue;
      const template = this.view.templateOf(task);
      if (!template) continue;
      add(this.#item(`task/${task.id}`, () => taskItem(this.view, task, template, this.#credentials(task, template))));
      if (hasEnded(task)) continue;
      for (const { networkId } of task.networks) networks.add(networkId);
      for (const reference of template.container.secrets) add(this.#secret(reference));
      for (const reference of template.container.configs) add(this.#config(reference));
    }
    for (const networkId of networks) add(this.#network(networkId));
    for (const service of this.#reachable(networks)) add(this.#service(service));
    for (const peer of (this.#peers ??= this.#allPeers())) add(peer);
    return set;
  }

  /** Makes an item once per revision, and keeps the object of the revision before when its value is the same. */
  #item(key: string, make: () => AssignmentItem): AssignmentItem {
    const made = this.#made.get(key);
    if (made) return made;
    const fresh = make();
    const before = this.#before.get(key);
    const isSame = before !== undefined && (before === fresh || sameJson(before.value, fresh.value));
    const item = isSame ? before : fresh;
    this.#made.set(key, item);
    return item;
  }

  /** For a task whose image may still have to be pulled, and for no other registry than the image's. */
  #credentials(task: Task, template: TaskTemplate): RegistryCredentials | undefined {
    const service = this.view.get('service', task.serviceId);
    if (!service?.sealedLogins || !isWanted(task) || compareStates(task.status.state, 'ready') >= 0) return undefined;
    let logins = this.#logins.get(service);
    if (!logins) this.#logins.set(service, (logins = openLogins(service.sealedLogins, (sealed) => this.openSecret({ sealed }))));
    return logins[registryOf(template.container.image)];
  }

  #secret(reference: FileReference): AssignmentItem | undefined {
    const secret = this.view.get('secret', reference.id) ?? this.view.named('secret', reference.name);
    if (!secret) return undefined;
    return this.#item(`secret/${secret.id}`, () => {
      const data = this.#opened.get(secret) ?? this.openSecret(secret);
      this.#opened.set(secret, data);
      return { kind: 'secret', key: secret.id, value: { id: secret.id, name: secret.spec.name, data, ...templated(secret.spec) } };
    });
  }

  #config(reference: FileReference): AssignmentItem | undefined {
    const config = this.view.get('config', reference.id) ?? this.view.named('config', reference.name);
    if (!config) return undefined;
    return this.#item(`config/${config.id}`, () => ({ kind: 'config', key: config.id, value: { id: config.id, name: config.spec.name, data: config.data, ...templated(config.spec) } }));
  }

  #network(networkId: string): AssignmentItem | undefined {
    const network = this.view.get('network', networkId);
    if (!network?.allocation) return undefined;
    return this.#item(`network/${networkId}`, () => ({ kind: 'network', key: networkId, value: assignedNetwork(network) }));
  }

  #service(service: Service): AssignmentItem {
    return this.#item(`service/${service.id}`, () => ({ kind: 'service', key: service.id, value: assignedService(this.view, service) }));
  }

  /** Services that share one of the networks, and all that publish ports on every node. */
  #reachable(networks: ReadonlySet<string>): Set<Service> {
    const { byNetwork, publishing } = (this.#reach ??= this.#indexServices());
    const services = new Set(publishing);
    for (const networkId of networks) for (const service of byNetwork.get(networkId) ?? []) services.add(service);
    return services;
  }

  #indexServices(): { byNetwork: Map<string, Service[]>; publishing: Service[] } {
    const byNetwork = new Map<string, Service[]>();
    const publishing: Service[] = [];
    for (const service of this.view.all('service')) {
      if (service.status.ports.some((port) => port.publishMode !== 'host')) publishing.push(service);
      for (const networkId of networksOfService(this.view, service)) {
        const services = byNetwork.get(networkId);
        if (services) services.push(service);
        else byNetwork.set(networkId, [service]);
      }
    }
    return { byNetwork, publishing };
  }

  #allPeers(): AssignmentItem[] {
    const nodes = [...this.view.all('node')].filter((node) => node.status.dataPathAddress !== '');
    return nodes.map((node) => this.#item(`peer/${node.id}`, () => peerItem(node)));
  }
}

/** `itemKey`, made once per item: a set has a thousand of them, and a cluster a thousand sets. */
const itemKeys = new WeakMap<AssignmentItem, string>();

function keyOf(item: AssignmentItem): string {
  let key = itemKeys.get(item);
  if (key === undefined) itemKeys.set(item, (key = itemKey(item)));
  return key;
}

/** The node keeps the log of a task that has ended until nobody remembers the task; one that was given up is to leave nothing. */
function isSent(task: Task): boolean {
  if (hasEnded(task)) return task.desiredState !== 'remove' && task.status.state !== 'orphaned';
  return compareStates(task.status.state, 'assigned') >= 0;
}

/** Most tasks are the same object as at the revision before: their items are too. */
const taskItems = new WeakMap<Task, { item: AssignmentItem; template: TaskTemplate; labels: Labels }>();

function taskItem(view: ClusterView, task: Task, template: TaskTemplate, credentials: RegistryCredentials | undefined): AssignmentItem {
  const labels = view.get('service', task.serviceId)?.spec.labels ?? noLabels;
  const known = taskItems.get(task);
  if (!credentials && known && known.template === template && known.labels === labels) return known.item;
  const item: AssignmentItem = { kind: 'task', key: task.id, value: { ...assignedTask(task, template, labels), ...(credentials && { credentials }) } };
  if (credentials) return item;
  taskItems.set(task, { item, template, labels });
  return item;
}

const noLabels: Labels = {};

function assignedTask(task: Task, template: TaskTemplate, serviceLabels: Labels): AssignedTask {
  return {
    id: task.id,
    serviceId: task.serviceId,
    serviceName: task.serviceName,
    slot: task.slot,
    // What the node has forgotten, because its kernel is new, it must not begin again.
    desiredState: hasEnded(task) && isWanted(task) ? 'shutdown' : task.desiredState,
    startAfterMs: task.startAfterMs,
    networks: task.networks,
    hostPorts: task.hostPorts,
    template,
    serviceLabels,
  };
}

function assignedNetwork(network: Network): AssignedNetwork {
  const mtu = mtuOf(network.spec);
  return {
    id: network.id,
    name: network.spec.name,
    subnets: network.allocation!.subnets,
    internal: network.spec.internal,
    ...(mtu !== undefined && { mtu }),
    ...(isEncrypted(network) ? { encrypted: true as const } : {}),
  };
}

function peerItem(node: Node): AssignmentItem {
  return {
    kind: 'peer',
    key: node.id,
    value: {
      nodeId: node.id,
      index: node.index,
      dataPathAddress: node.status.dataPathAddress,
      address: node.status.address,
      ...(node.status.encryptionKeys?.length ? { encryptionKeys: node.status.encryptionKeys } : {}),
    },
  };
}

function templated({ templating }: SecretSpec): Partial<Pick<AssignedFile, 'templated'>> {
  return templating?.name === 'golang' ? { templated: true } : {};
}
