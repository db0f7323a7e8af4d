import type { ClusterView, Task } from '../../../../../libs/model/src/index.js';
import { crashLoop } from '../../../../../libs/orchestrator/src/index.js';
import { meta, omitAbsent, omitEmpty, type Json } from '../json-output.js';
import { addressWithPrefix, attachedNetworkTo } from './network.js';
import { isJob, iterationTo } from './service.js';
import { portTo, templateTo } from './service-spec-out.js';

/** A task whose template is gone still shows: clients need `Spec.ContainerSpec` in every one. */
export function taskTo(view: ClusterView, task: Task): Json {
  const template = view.templateOf(task);
  const service = view.get('service', task.serviceId);
  const job = service !== undefined && isJob(service);
  return {
    ID: task.id,
    ...meta(task),
    Labels: {},
    Spec: template ? templateTo(template) : { ContainerSpec: {}, ForceUpdate: 0 },
    ServiceID: task.serviceId,
    ...omitEmpty({ Slot: job ? task.slot - 1 : task.slot, NodeID: task.nodeId }),
    Status: statusTo(view, task),
    DesiredState: task.desiredState,
    ...omitAbsent({
      NetworksAttachments: attachmentsTo(view, task),
      JobIteration: job ? iterationTo(task) : undefined,
    }),
    Volumes: null,
  };
}

const unreadyText = 'not ready: its last health check failed; it gets no new connections';

function statusTo(view: ClusterView, task: Task): Json {
  const { status } = task;
  const { container } = status;
  return {
    Timestamp: status.timestamp,
    State: status.state,
    Message: status.message,
    ...omitEmpty({ Err: status.error || (status.unready ? unreadyText : '') || (crashLoop(view, task) ?? task.eviction?.reason ?? '') }),
    ContainerStatus: { ContainerID: container?.id ?? '', PID: container?.pid ?? 0, ExitCode: container?.exitCode ?? 0 },
    PortStatus: omitEmpty({ Ports: task.hostPorts.map(portTo) }),
  };
}

function attachmentsTo(view: ClusterView, task: Task): Json[] | undefined {
  const attachments = [...new Set(task.networks.map(({ networkId }) => networkId))].flatMap((networkId) => {
    const network = view.get('network', networkId);
    const addresses = task.networks.filter((one) => one.networkId === networkId).map(({ address }) => addressWithPrefix(view, networkId, address));
    return network ? [{ Network: attachedNetworkTo(network), Addresses: addresses }] : [];
  });
  return attachments.length > 0 ? attachments : undefined;
}
