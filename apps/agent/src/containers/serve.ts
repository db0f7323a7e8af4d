import { describeError, isRefused, isTemporary, type Trace } from '../../../../libs/base/src/index.js';
import type { ContainerOperationRequest } from '../../../../libs/model/src/index.js';
import type { Channel } from './channel.js';
import { operations, type ContainerPorts } from './operations.js';

export type ContainerServingEvent = { event: 'container-operation-failed'; containerId: string; operation: string; error: string };

/** Carries out one operation on one container for a manager. Never throws: what goes wrong is told on the stream. */
export async function serveContainer(channel: Channel, request: ContainerOperationRequest, ports: ContainerPorts, trace: Trace<ContainerServingEvent>): Promise<void> {
  const { containerId, operation } = request;
  try {
    await channel.open(request.requestId);
    try {
      await channel.result(await operations(operation, containerId, channel, ports));
    } catch (error) {
      if (channel.signal.aborted) return;
      if (!isRefused(error) && !isTemporary(error)) trace({ event: 'container-operation-failed', containerId, operation: operation.kind, error: describeError(error) });
      await channel.fail(error);
    }
  } catch (error) {
    // Whoever asked is gone; there is nobody left to tell.
    if (!channel.signal.aborted) trace({ event: 'container-operation-failed', containerId, operation: operation.kind, error: describeError(error) });
  } finally {
    channel.close();
  }
}
