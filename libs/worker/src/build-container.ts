import type { Clock, Limiter } from '../../base/src/index.js';
import type { Images, LocalImage } from '../../image/src/images.js';
import type { AssignedFile, AssignedNetwork, AssignedTask } from '../../model/src/index.js';
import type { Attachment, NodeNetwork } from '../../network/src/network.js';
import type { Runtime } from '../../runtime/src/runtime.js';
import { containerRequest, joinedContainers } from './container-request.js';
import type { NodeFacts } from './names.js';
import { localContainer } from './network-view.js';
import { checkPolicy, type NodePolicy } from './node-policy.js';
import { claimResources, type Claim, type NodeResource } from './node-resources.js';
import { sharedNamespaces, type Neighbour } from './shared-namespaces.js';

/** What a container is built with. */
export interface BuildPorts {
  runtime: Runtime;
  network: NodeNetwork;
  images: Images;
  clock: Clock;
  node: NodeFacts;
  policy: NodePolicy;
  resources: readonly NodeResource[];
  /** The other tasks of this node. */
  neighbours(): Neighbour[];
  /** What they have of the node's resources. */
  claims(): Claim[];
  /** How many containers are built at once. */
  building: Limiter;
  /** Of this node; undefined: no manager has told it yet. */
  nodeAddress(): string | undefined;
  /** Networks and files of the newest assignments. */
  networks(): AssignedNetwork[];
  /** Resolves when the kernel has the network of the newest assignments. */
  networkReady(signal: AbortSignal): Promise<void>;
  secret(id: string): AssignedFile | undefined;
  config(id: string): AssignedFile | undefined;
}

export interface BuiltContainer {
  image: LocalImage;
  /** Ids of the containers whose namespaces it shares: it ends with them. */
  joined: string[];
}

/** The network namespace of whoever asks: the shim, which runs in the host's. */
const hostAttachment: Attachment = { netnsPath: '/proc/self/ns/net', nameserver: '', mtu: 0 };

/**
 * Builds a task's container up to, not including, its start. Throws `Refused` with the cause in words when the node does not allow,
 * or does not have, what it asks for. `onClaim` hears at once what it has of the node's resources.
 */
export async function buildContainer(task: AssignedTask, ports: BuildPorts, onClaim: (claim: Claim) => void, signal: AbortSignal): Promise<BuiltContainer> {
  const { container, resources } = task.template;
  checkPolicy(ports.policy, container, ports.node.hostname);
  const claim = claimResources(resources?.reservations?.generic ?? [], ports.resources, ports.claims);
  onClaim(claim);
  const shared = sharedNamespaces(task, ports.neighbours, ports.node);
  const image = await ports.images.ensure(container.image, { signal, ...(task.credentials && { credentials: task.credentials }) });
  const joined = await ports.building.run(async () => {
    const attachment = await attach(shared.network ?? task, ports, signal);
    const around = { attachment, shared, claim, nodeAddress: ports.nodeAddress(), secret: ports.secret, config: ports.config };
    const request = containerRequest(task, ports.node, image, around);
    await ports.runtime.create(request, signal);
    return joinedContainers(request.labels);
  });
  // A process that looks up a name first thing must find a name server that knows who asks.
  await ports.networkReady(signal);
  return { image, joined };
}

/** The network of the task itself, or of the other whose network it shares: that one's namespace is there, and is only looked up. */
function attach(owner: AssignedTask, { network, networks }: BuildPorts, signal: AbortSignal): Promise<Attachment> {
  const { networkMode } = owner.template.container;
  if (networkMode === 'host') return Promise.resolve(hostAttachment);
  return network.attach(localContainer(owner), networks(), signal);
}
