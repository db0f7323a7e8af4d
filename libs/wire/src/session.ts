import type { AssignmentItem, ContainerOperation, ContainerOperationRequest, EncryptionKey, FromAgent, FromManager, Hello, LogRequest, TaskReport, Welcome } from '../../model/src/index.js';
import { decodeItem, decodeItemKey, encodeItem, encodeItemKey } from './assignments.js';
import { decodeDescription, encodeDescription } from './description.js';
import type { AgentMessage, ManagerMessage } from './services.js';
import { decodeTaskReport, encodeTaskReport } from './task-status.js';

/** Words of a session as messages, and back. `undefined`: a message of a newer peer, to be ignored. */

export function encodeFromAgent(word: FromAgent): AgentMessage {
  switch (word.kind) {
    case 'hello':
      return { hello: { ...word.hello, description: encodeDescription(word.hello.description) } };
    case 'beat':
      return { beat: { sequence: word.sequence, usage: word.usage ?? [] } };
    case 'statuses':
      return { statuses: { statuses: word.reports.map(encodeTaskReport), full: word.full } };
    case 'applied':
      return { applied: { version: word.version } };
    case 'encryption-keys':
      return { encryptionKeys: { keys: word.keys } };
    case 'network-notice':
      return { networkNotice: word.notice };
  }
}

export function decodeFromAgent({ hello, beat, statuses, applied, encryptionKeys, networkNotice }: AgentMessage): FromAgent | undefined {
  if (hello) return { kind: 'hello', hello: decodeHello(hello) };
  if (beat) {
    const usage = (beat.usage ?? []).map(({ taskId, readAtMs, cpuNs, memoryBytes }) => ({ taskId: taskId ?? '', readAtMs: Number(readAtMs ?? 0), cpuNs: Number(cpuNs ?? 0), memoryBytes: Number(memoryBytes ?? 0) }));
    return { kind: 'beat', sequence: Number(beat.sequence ?? 0), usage };
  }
  if (statuses) {
    const reports = (statuses.statuses ?? []).map(decodeTaskReport).filter((report): report is TaskReport => report !== undefined);
    return { kind: 'statuses', reports, full: statuses.full ?? false };
  }
  if (encryptionKeys) return { kind: 'encryption-keys', keys: decodeKeys(encryptionKeys.keys) };
  if (networkNotice) return { kind: 'network-notice', notice: { takenPorts: networkNotice.takenPorts ?? [], drift: Number(networkNotice.drift ?? 0), lastDrift: networkNotice.lastDrift ?? [] } };
  return applied ? { kind: 'applied', version: Number(applied.version ?? 0) } : undefined;
}

export function encodeFromManager(word: FromManager): ManagerMessage {
  const { epoch } = word;
  switch (word.kind) {
    case 'welcome':
      return { epoch, welcome: word.welcome };
    case 'assignments': {
      const { complete, version, put, remove } = word.assignments;
      return { epoch, assignments: { complete, version, put: put.map(encodeItem), remove: remove.map(encodeItemKey) } };
    }
    case 'log-request':
      return { epoch, logRequest: word.request };
    case 'log-cancel':
      return { epoch, logCancel: { requestId: word.requestId } };
    case 'container-request':
      return { epoch, containerRequest: { ...word.request, operation: Buffer.from(JSON.stringify(word.request.operation)) } };
  }
}

export function decodeFromManager(message: ManagerMessage): FromManager | undefined {
  const epoch = Number(message.epoch ?? 0);
  const { welcome, assignments, logRequest, logCancel, containerRequest } = message;
  if (welcome) return { epoch, kind: 'welcome', welcome: decodeWelcome(welcome) };
  if (assignments) {
    const put = (assignments.put ?? []).map(decodeItem).filter((item): item is AssignmentItem => item !== undefined);
    const remove = (assignments.remove ?? []).map(decodeItemKey).filter((key) => key !== undefined);
    return { epoch, kind: 'assignments', assignments: { complete: assignments.complete ?? false, version: Number(assignments.version ?? 0), put, remove } };
  }
  if (logRequest) return { epoch, kind: 'log-request', request: decodeLogRequest(logRequest) };
  if (logCancel) return { epoch, kind: 'log-cancel', requestId: logCancel.requestId ?? '' };
  return containerRequest ? { epoch, kind: 'container-request', request: decodeContainerRequest(containerRequest) } : undefined;
}

function decodeHello(hello: NonNullable<AgentMessage['hello']>): Hello {
  return {
    clusterId: hello.clusterId ?? '',
    instanceId: hello.instanceId ?? '',
    bootId: hello.bootId ?? '',
    epochSeen: Number(hello.epochSeen ?? 0),
    description: decodeDescription(hello.description),
    advertiseAddress: hello.advertiseAddress ?? '',
    dataPathAddress: hello.dataPathAddress ?? '',
    encryptionKeys: decodeKeys(hello.encryptionKeys),
  };
}

function decodeKeys(keys: NonNullable<AgentMessage['hello']>['encryptionKeys']): EncryptionKey[] {
  return (keys ?? []).map(({ slot, publicKey, port }) => ({ slot: slot ?? 0, publicKey: publicKey ?? '', port: port ?? 0 }));
}

function decodeWelcome(welcome: NonNullable<ManagerMessage['welcome']>): Welcome {
  return {
    nodeId: welcome.nodeId ?? '',
    nodeIndex: welcome.nodeIndex ?? 0,
    heartbeatPeriodMs: welcome.heartbeatPeriodMs ?? 0,
    address: welcome.address ?? '',
    dataPathAddress: welcome.dataPathAddress ?? '',
    dataPathPort: welcome.dataPathPort ?? 0,
  };
}

function decodeLogRequest(request: NonNullable<ManagerMessage['logRequest']>): LogRequest {
  return {
    requestId: request.requestId ?? '',
    taskIds: request.taskIds ?? [],
    follow: request.follow ?? false,
    tail: request.tail ?? 0,
    sinceMs: request.sinceMs ?? 0,
    untilMs: request.untilMs ?? 0,
  };
}

/** The operation is the JSON of libs/model's type: the sender is a manager of our own cluster. */
function decodeContainerRequest({ requestId, containerId, operation }: NonNullable<ManagerMessage['containerRequest']>): ContainerOperationRequest {
  return { requestId: requestId ?? '', containerId: containerId ?? '', operation: JSON.parse(Buffer.from(operation ?? '').toString()) as ContainerOperation };
}
