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
import { assignmentNews, type AssignmentNews } from './assignment-news.js';
import { assignedService, networksOfService } from './endpoints.js';

/** Decrypts the content of a secret, or what else is sealed like one; returns it as base64. */
export type OpenSecret = (secret: Pick<Secret, 'sealed'>) => string;

/**
 * Assignment sets of any number of nodes at one revision of the view. What nodes share (services with their endpoints, networks, files, peers)
 * is made once, so a node costs its own tasks and what they can reach.
 *
 * Use it within one synchronous stretch. With the planner of an earlier revision, sets and items that have not changed stay the same
 * objects: who has the same set is passed over, and `diffAssignments` does not look inside of the same item.
 */
export interface AssignmentPlanner {
  forNode(nodeId: string): AssignmentSet;
}

export function assignmentPlanner(view: ClusterView, openSecret: OpenSecret, previous?: AssignmentPlanner): AssignmentPlanner {
  const planner = previous instanceof Planner && previous.view === view && previous.openSecret === openSecret ? previous : new Planner(view, openSecret);
  planner.look();
  return planner;
}

/** The set of a single node; for many nodes at one revision use `assignmentPlanner`. */
export function assignmentSet(view: ClusterView, nodeId: string, openSecret: OpenSecret): AssignmentSet {
  return assignmentPlanner(view, openSecret).forNode(nodeId);
}

/** What a node was given, and of when. */
interface Given {
  set: AssignmentSet;
  own: number;
  shared: number;
  /** Undefined: it reaches nobody, so that what can be reached does not matter to it. */
  reach: number | undefined;
}

/** A node of a cluster of this size knows all others before it has anybody to reach: the first container waits for nothing. */
const smallCluster = 256;

class Planner implements AssignmentPlanner {
  /** By `itemKey`. */
  #made = new Map<string, AssignmentItem>();
  #before: ReadonlyMap<string, AssignmentItem> = new Map();
  readonly #given = new Map<string, Given>();
  readonly #opened = new WeakMap<Secret, string>();
  readonly #logins = new WeakMap<Service, RegistryLogins>();
  readonly #news: AssignmentNews;
  #seen = { shared: -1, reach: -1 };
  #reach: { byNetwork: Map<string, Service[]>; publishing: Service[] } | undefined;
  #peers: AssignmentItem[] | undefined;

  constructor(
    readonly view: ClusterView,
    readonly openSecret: OpenSecret,
  ) {
    this.#news = view.index(assignmentNews);
  }

  /** To be called before the view is looked at again. */
  look(): void {
    const { shared, reach } = this.#news;
    if (this.#seen.shared === shared && this.#seen.reach === reach) return;
    this.#before = this.#made;
    this.#made = new Map();
    if (this.#seen.reach !== reach) this.#reach = this.#peers = undefined;
    this.#seen = { shared, reach };
  }

  forNode(nodeId: string): AssignmentSet {
    const { shared, reach } = this.#news;
    const own = this.#news.ofNode(nodeId);
    const given = this.#given.get(nodeId);
    if (given && given.own === own && given.shared === shared && (given.reach === undefined ? this.#nobodyPublishes() : given.reach === reach)) return given.set;
    const { set, isReaching } = this.#make(nodeId, given?.set);
    this.#given.set(nodeId, { set, own, shared, reach: isReaching ? reach : undefined });
    return set;
  }

  #make(nodeId: string, before: AssignmentSet | undefined): { set: AssignmentSet; isReaching: boolean } {
    const set = new Map<string, AssignmentItem>();
    const add = (item: AssignmentItem | undefined) => item && set.set(keyOf(item), item);
    const networks = new Set<string>();
    for (const task of this.view.tasksOnNode(nodeId)) {
      if (!isSent(task)) continue;
      const template = this.view.templateOf(task);
      if (!template) continue;
      const key = `task/${task.id}`;
      set.set(key, this.#task(task, template, before?.get(key)));
      if (hasEnded(task)) continue;
      for (const { networkId } of task.networks) networks.add(networkId);
      for (const reference of template.container.secrets) add(this.#secret(reference));
      for (const reference of template.container.configs) add(this.#config(reference));
    }
    for (const networkId of networks) add(this.#network(networkId));
    const services = this.#reachable(networks);
    for (const service of services) add(this.#service(service));
    const isReaching = networks.size > 0 || services.size > 0 || this.view.count('node') <= smallCluster;
    for (const peer of isReaching ? (this.#peers ??= this.#allPeers()) : this.#ownPeer(nodeId)) add(peer);
    return { set, isReaching };
  }

  #nobodyPublishes(): boolean {
    return (this.#reach ??= this.#indexServices()).publishing.length === 0 && this.view.count('node') > smallCluster;
  }

  /** The item that the node has, if it says the same. */
  #task(task: Task, template: TaskTemplate, before: AssignmentItem | undefined): AssignmentItem {
    const labels = this.view.get('service', task.serviceId)?.spec.labels ?? noLabels;
    const item = new TaskItem(task, template, labels, this.#credentials(task, template));
    return before instanceof TaskItem && before.becomes(item) ? before : item;
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
    return [...this.view.all('node')].flatMap((node) => this.#peer(node));
  }

  #ownPeer(nodeId: string): AssignmentItem[] {
    const node = this.view.get('node', nodeId);
    return node ? this.#peer(node) : [];
  }

  #peer(node: Node): AssignmentItem[] {
    return node.status.dataPathAddress === '' ? [] : [this.#item(`peer/${node.id}`, () => peerItem(node))];
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

/** A task's assignment is made when it is asked for: of most tasks it is sent once, and to keep it would take more room than the task. */
class TaskItem {
  readonly kind = 'task';

  constructor(
    private task: Task,
    private template: TaskTemplate,
    private labels: Labels,
    private credentials: RegistryCredentials | undefined,
  ) {}

  get key(): string {
    return this.task.id;
  }

  get value(): AssignedTask {
    return { ...assignedTask(this.task, this.template, this.labels), ...(this.credentials && { credentials: this.credentials }) };
  }

  /** Takes the place of `other` if that says the same: what a node reports itself is no news to it. */
  becomes(other: TaskItem): boolean {
    const isSame = this.task === other.task && this.template === other.template && this.labels === other.labels && this.credentials === other.credentials;
    if (!isSame && !sameJson(this.value, other.value)) return false;
    this.task = other.task;
    this.template = other.template;
    this.labels = other.labels;
    return true;
  }
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
