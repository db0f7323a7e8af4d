import { Refused } from '../../base/src/index.js';
import type { LocalImage } from '../../image/src/images.js';
import { expandContainer, expandTemplates, type AssignedFile, type AssignedTask, type ContainerSpec, type FileReference, type TemplateContext } from '../../model/src/index.js';
import type { Attachment } from '../../network/src/network.js';
import type { ContainerRequest, MountedFile } from '../../runtime/src/runtime.js';
import { containerIdOf, taskNameOf, type NodeFacts } from './names.js';
import { claimDevices, claimEnvironment, type Claim } from './node-resources.js';
import type { SharedNamespaces } from './shared-namespaces.js';
import { templatedFiles } from './templated-files.js';

/** What the container is given by others: links, files, neighbours, resources. */
export interface Surroundings {
  attachment: Attachment;
  secret(id: string): AssignedFile | undefined;
  config(id: string): AssignedFile | undefined;
  shared: SharedNamespaces;
  claim: Claim;
  /** Of this node, which the name host-gateway stands for. */
  nodeAddress: string | undefined;
}

/** Labels that tell an agent after a restart what a container has of others. */
const joinedLabel = 'shoal.joined';
const claimLabel = 'shoal.resources';

/** Ids of the containers whose namespaces a container shares, by its labels. */
export function joinedContainers(labels: Record<string, string>): string[] {
  return labels[joinedLabel]?.split(',') ?? [];
}

/** What a container has of the node's resources, by its labels. */
export function claimOf(labels: Record<string, string>): Claim {
  return JSON.parse(labels[claimLabel] ?? '{}') as Claim;
}

/** Everything the runtime needs for a task. Pure: what it names must exist already. */
export function containerRequest(task: AssignedTask, node: NodeFacts, image: LocalImage, around: Surroundings): ContainerRequest {
  const id = containerIdOf(task.id);
  const taskName = taskNameOf(task, node.nodeId);
  const context = templateContext(task, node, taskName);
  const spec = expandContainer(task.template.container, (text) => expandTemplates(text, context));
  const files = templatedFiles(spec, context, around);
  const { shared, claim } = around;
  const hostname = hostnameOf(task, spec, node, shared);
  const joined = [...new Set([shared.pid, shared.ipc, shared.network].flatMap((other) => (other ? [containerIdOf(other.id)] : [])))];
  return {
    id,
    name: `${taskName}.${task.id}`,
    spec: {
      ...spec,
      ...resolvedModes(shared),
      env: [`SHOAL_TASK_NAME=${taskName}`, `SHOAL_NODE_NAME=${node.hostname}`, ...claimEnvironment(claim), ...spec.env],
      hosts: spec.hosts.map((line) => withGateway(line, around.nodeAddress)),
      ...(Object.keys(claim).length > 0 && { devices: [...(spec.devices ?? []), ...claimDevices(claim)] }),
    },
    limits: task.template.resources?.limits ?? {},
    image: { ...image.config, layerDirs: image.layerDirs.toReversed() },
    hostname,
    netnsPath: around.attachment.netnsPath,
    ...resolver(spec, node, around),
    hostLines: hostLines(shared.network ?? task, hostname, spec.domainname, node),
    files: [
      ...mountedFiles(spec.secrets, files.secret, '/run/secrets/'),
      ...mountedFiles(spec.configs, files.config, '/'),
    ],
    labels: {
      ...spec.labels,
      'com.docker.swarm.node.id': node.nodeId,
      'com.docker.swarm.service.id': task.serviceId,
      'com.docker.swarm.service.name': task.serviceName,
      'com.docker.swarm.task': '',
      'com.docker.swarm.task.id': task.id,
      'com.docker.swarm.task.name': `${taskName}.${task.id}`,
      ...(joined.length > 0 && { [joinedLabel]: joined.join(',') }),
      ...(Object.keys(claim).length > 0 && { [claimLabel]: JSON.stringify(claim) }),
    },
    log: { driver: task.template.logDriver?.name || defaultLogDriver, options: task.template.logDriver?.options ?? {} },
  };
}

/** The runtime knows containers, not services. */
function resolvedModes({ pid, ipc, network }: SharedNamespaces): Pick<ContainerSpec, 'pidMode' | 'ipcMode' | 'networkMode'> {
  const of = (other: AssignedTask) => `container:${containerIdOf(other.id)}`;
  return {
    ...(pid && { pidMode: of(pid) }),
    ...(ipc && { ipcMode: of(ipc) }),
    ...(network && { networkMode: isOnHost(network) ? 'host' : of(network) }),
  };
}

/** As in Docker: on the host's network, or another container's, its name. */
function hostnameOf(task: AssignedTask, spec: ContainerSpec, node: NodeFacts, { network }: SharedNamespaces): string {
  if (spec.hostname) return spec.hostname;
  if (isOnHost(network ?? task) || spec.utsMode === 'host') return node.hostname;
  const owner = network ?? task;
  const named = network && expandTemplates(network.template.container.hostname ?? '', templateContext(network, node, taskNameOf(network, node.nodeId)));
  return named || containerIdOf(owner.id).slice(0, 12);
}

function isOnHost(task: AssignedTask): boolean {
  return task.template.container.networkMode === 'host';
}

type Resolver = Pick<ContainerRequest, 'nameservers' | 'searchDomains' | 'resolvOptions'>;

/** The cluster's nameserver, with search and options of the container; without a network of the cluster, the host's and what the container says. */
function resolver({ dns }: ContainerSpec, node: NodeFacts, { attachment }: Surroundings): Resolver {
  const { nameservers = [], search = [], options = [] } = dns ?? {};
  if (attachment.nameserver) return { nameservers: [attachment.nameserver], searchDomains: search, resolvOptions: withNdots(options) };
  const host = node.hostResolver ?? { nameservers: [], search: [], options: [] };
  const or = (own: readonly string[], of: readonly string[]) => [...(own.length > 0 ? own : of)];
  return { nameservers: or(nameservers, host.nameservers), searchDomains: or(search, host.search), resolvOptions: or(options, host.options) };
}

function hostLines(owner: AssignedTask, hostname: string, domainname: string | undefined, node: NodeFacts): string[] {
  if (isOnHost(owner)) return [...(node.hostLines ?? [])];
  const names = domainname ? `${hostname}.${domainname} ${hostname}` : hostname;
  return owner.networks.map(({ address }) => `${address}\t${names}`);
}

/** `host-gateway name` → `ADDRESS name`. */
function withGateway(line: string, nodeAddress: string | undefined): string {
  if (!line.startsWith('host-gateway ')) return line;
  if (!nodeAddress) throw new Refused('precondition', 'the address of this node, which host-gateway stands for, is not known yet');
  return nodeAddress + line.slice('host-gateway'.length);
}

const defaultLogDriver = 'json-file';

/** The embedded name server answers whole names: no search domain needs to be tried first (Docker's default as well). */
function withNdots(options: string[]): string[] {
  return options.some((option) => option.startsWith('ndots:')) ? options : [...options, 'ndots:0'];
}

function mountedFiles(references: FileReference[], contentOf: (reference: FileReference) => Buffer | undefined, folder: string): MountedFile[] {
  return references.flatMap((reference) => {
    const { file } = reference;
    const content = contentOf(reference);
    if (!file || !content) return [];
    return {
      target: file.name.startsWith('/') ? file.name : folder + file.name,
      data: content,
      uid: Number(file.uid) || 0,
      gid: Number(file.gid) || 0,
      mode: file.mode,
    };
  });
}

function templateContext(task: AssignedTask, node: NodeFacts, taskName: string): TemplateContext {
  return {
    Service: { ID: task.serviceId, Name: task.serviceName, Labels: task.serviceLabels },
    Node: { ID: node.nodeId, Hostname: node.hostname, Platform: { Architecture: node.architecture ?? '', OS: 'linux' } },
    Task: { ID: task.id, Name: `${taskName}.${task.id}`, Slot: String(task.slot || node.nodeId) },
  };
}
