import { describeError, type Clock } from '../../base/src/index.js';
import type { NodeNetwork } from '../../network/src/network.js';
import type { Runtime } from '../../runtime/src/runtime.js';

export interface LeftoverPorts {
  runtime: Runtime;
  network: NodeNetwork;
  clock: Clock;
  onFailure(error: string): void;
}

const retryMs = 1_000;

/** Takes away what there is of containers that `isKnown` does not know: the agent was away when their tasks were forgotten. */
export async function removeUnknown(ports: LeftoverPorts, isKnown: (containerId: string) => boolean, signal: AbortSignal): Promise<void> {
  const found = new Set([...(await ports.runtime.list()).map(({ id }) => id), ...(await ports.network.attached())]);
  for (const id of found) {
    if (isKnown(id)) continue;
    await remove(ports, id).catch(() => void removeUntilGone(ports, id, isKnown, signal)); // one that resists holds up no other
  }
}

/** Takes away all that a task had, its log too; again and again, until nothing is left or the container is known (again). */
export async function removeUntilGone(ports: LeftoverPorts, containerId: string, isKnown: (containerId: string) => boolean, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !isKnown(containerId)) {
    try {
      return await remove(ports, containerId);
    } catch (error) {
      ports.onFailure(`removing container ${containerId}: ${describeError(error)}`);
      await ports.clock.sleep(retryMs, signal).catch(() => undefined); // aborted: the loop's condition sees it
    }
  }
}

async function remove({ runtime, network }: LeftoverPorts, containerId: string): Promise<void> {
  await runtime.remove(containerId);
  await network.detach(containerId);
}
