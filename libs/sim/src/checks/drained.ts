import { compareStates, isWanted } from '../../../model/src/index.js';
import { drainCapMs } from '../../../dispatcher/src/index.js';
import type { Machine } from '../machine.js';
import { must, type MakeCheck } from './check.js';

/** A task that serves is told to stop only when no live node sends it connections any more, or after the cap. */
export const drained: MakeCheck = (world, ledger) => ({
  name: 'drained before stopped',
  container({ what, signal, taskId, serviceId, machine }) {
    if (what !== 'signalled' || signal === 'SIGKILL') return;
    const { view } = world.authority;
    const task = view.get('task', taskId);
    if (!task || isWanted(task) || compareStates(task.status.state, 'running') !== 0 || !view.get('service', serviceId) || ledger.wasWrittenOff(task)) return;
    const toldForMs = world.nowMs - (ledger.unwantedSinceMs.get(taskId) ?? -Infinity);
    if (toldForMs >= drainCapMs) return;
    for (const other of world.machines) {
      if (!isLive(other) || view.get('node', other.nodeId)?.status.state !== 'ready') continue;
      const endpoints = other.network.view?.services.find(({ id }) => id === serviceId)?.endpoints ?? [];
      const isSentTo = endpoints.some((endpoint) => endpoint.taskId === taskId && endpoint.state === 'ready');
      must(!isSentTo, () => `${machine.name} stops task ${taskId} of ${task.serviceName} ${toldForMs} ms after it was told to end, and ${other.name} still sends it connections`);
    }
  },
});

/** Connected, and able to hear. */
function isLive(machine: Machine): boolean {
  return (machine.agent?.isRunning ?? false) && machine.cable.isWhole && [...machine.cable.connections].some(({ isHeld }) => isHeld);
}
