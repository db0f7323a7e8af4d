import { createHash } from 'node:crypto';
import type { LocalImage } from '../../image/src/images.js';
import type { AssignedFile, AssignedTask, ContainerSpec, FileReference, Mount } from '../../model/src/index.js';
import type { Attachment } from '../../network/src/network.js';
import type { ContainerRequest, MountedFile } from '../../runtime/src/runtime.js';
import { expandTemplates, type TemplateContext } from './templates.js';

export interface NodeFacts {
  nodeId: string;
  hostname: string;
}

/** A task's container id: derived, so that a restarted agent finds what it made. */
export function containerIdOf(taskId: string): string {
  return createHash('sha256').update(`shoal container of task ${taskId}`).digest('hex');
}

export function taskNameOf(task: Pick<AssignedTask, 'serviceName' | 'slot'>, nodeId: string): string {
  return `${task.serviceName}.${task.slot || nodeId}`;
}

/** Everything the runtime needs for a task. Pure: what it names must exist already. */
export function containerRequest(
  task: AssignedTask,
  node: NodeFacts,
  image: LocalImage,
  attachment: Attachment,
  files: { secret(id: string): AssignedFile | undefined; config(id: string): AssignedFile | undefined },
): ContainerRequest {
  const id = containerIdOf(task.id);
  const taskName = taskNameOf(task, node.nodeId);
  const context = templateContext(task, node, taskName);
  const spec = expandSpec(task.template.container, context);
  const hostname = spec.hostname || id.slice(0, 12);
  return {
    id,
    name: `${taskName}.${task.id}`,
    spec: { ...spec, env: [`SHOAL_TASK_NAME=${taskName}`, `SHOAL_NODE_NAME=${node.hostname}`, ...spec.env] },
    limits: task.template.resources?.limits ?? {},
    image: { ...image.config, layerDirs: image.layerDirs.toReversed() },
    hostname,
    netnsPath: attachment.netnsPath,
    nameservers: spec.dns?.nameservers.length && !attachment.nameserver ? spec.dns.nameservers : attachment.nameserver ? [attachment.nameserver] : [],
    searchDomains: spec.dns?.search ?? [],
    resolvOptions: withNdots(spec.dns?.options ?? []),
    hostLines: [...task.networks.map(({ address }) => `${address}\t${hostname}`), ...spec.hosts],
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
    },
    log: logLimits(task.template.logDriver?.options),
  };
}

/** The embedded name server answers whole names: no search domain needs to be tried first (Docker's default as well). */
function withNdots(options: string[]): string[] {
  return options.some((option) => option.startsWith('ndots:')) ? options : [...options, 'ndots:0'];
}

function mountedFiles(references: FileReference[], find: (id: string) => AssignedFile | undefined, folder: string): MountedFile[] {
  return references.flatMap(({ id, file }) => {
    const content = find(id);
    if (!file || !content) return [];
    return {
      target: file.name.startsWith('/') ? file.name : folder + file.name,
      data: Buffer.from(content.data, 'base64'),
      uid: Number(file.uid) || 0,
      gid: Number(file.gid) || 0,
      mode: file.mode,
    };
  });
}

/** Docker keeps a log for ever by default; a full disk is what its users suffer from, so ours rotates. */
const defaultLog = { maxSizeBytes: 10 * 1024 * 1024, maxFiles: 3 };

function logLimits(options: Record<string, string> = {}): ContainerRequest['log'] {
  return {
    maxSizeBytes: parseSize(options['max-size']) ?? defaultLog.maxSizeBytes,
    maxFiles: Math.max(1, Number(options['max-file']) || defaultLog.maxFiles),
  };
}

function parseSize(text: string | undefined): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)b?$/i.exec(text ?? '');
  if (!match) return undefined;
  const factor = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[match[2]!.toLowerCase()]!;
  return Math.floor(Number(match[1]) * factor);
}

function templateContext(task: AssignedTask, node: NodeFacts, taskName: string): TemplateContext {
  return {
    Service: { ID: task.serviceId, Name: task.serviceName, Labels: task.serviceLabels },
    Node: { ID: node.nodeId, Hostname: node.hostname },
    Task: { ID: task.id, Name: `${taskName}.${task.id}`, Slot: String(task.slot || node.nodeId) },
  };
}

/** Swarm expands templates in the hostname, the environment, and the mounts. */
function expandSpec(spec: ContainerSpec, context: TemplateContext): ContainerSpec {
  const expand = (text: string) => expandTemplates(text, context);
  return {
    ...spec,
    ...(spec.hostname && { hostname: expand(spec.hostname) }),
    env: spec.env.map(expand),
    mounts: spec.mounts.map((mount): Mount => {
      const target = expand(mount.target);
      return mount.type === 'tmpfs' ? { ...mount, target } : { ...mount, target, source: expand(mount.source) };
    }),
  };
}
