import { autoscaleLabel, type AssignedTask, type TaskUsage } from '../../model/src/index.js';
import type { Runtime } from '../../runtime/src/runtime.js';
import { containerIdOf } from './names.js';

/** A beat does not wait for more. */
const maxMeasured = 1_000;

/** What the containers use whose services follow their use. A container that does not run, or just ended, is left out. */
export async function measureUsage(runtime: Runtime, tasks: readonly AssignedTask[]): Promise<TaskUsage[]> {
  const usage: TaskUsage[] = [];
  const measured = tasks.filter(({ desiredState, serviceLabels }) => desiredState === 'running' && serviceLabels[autoscaleLabel] !== undefined);
  for (const { id } of measured.slice(0, maxMeasured)) {
    const stats = await runtime.stats(containerIdOf(id)).catch(() => undefined);
    if (stats) usage.push({ taskId: id, readAtMs: Math.round(stats.readAtMs), cpuNs: Math.round(stats.cpu.totalNs), memoryBytes: stats.memory.workingBytes });
  }
  return usage;
}
