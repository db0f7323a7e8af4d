import { systemClock } from '../../../../libs/base/src/index.js';
import { defaults, type ContainerOperation } from '../../../../libs/model/src/index.js';
import type { ContainerPorts } from './operations.js';

/** Stop signal, grace, then SIGKILL. Resolves when it has ended; at once when it had. False: nothing was to be done. */
export async function stopContainer(
  { signal: name, graceMs }: Extract<ContainerOperation, { kind: 'stop' }>,
  id: string,
  { runtime, images, taskOf }: ContainerPorts,
  signal: AbortSignal,
): Promise<{ stopped: boolean }> {
  const status = await runtime.status(id);
  if (status?.state !== 'running' && status?.state !== 'paused') return { stopped: false };
  const task = taskOf(id);
  const image = task && (await images.find(task.spec.image));
  const ended = runtime.wait(id, signal);
  await runtime.signal(id, name || task?.spec.stopSignal || image?.config.stopSignal || 'SIGTERM');
  // A frozen process takes no notice of a signal before it runs again.
  if (status.state === 'paused') await runtime.resume(id);
  const waitMs = graceMs ?? (task?.spec.stopGraceNs ?? defaults.stopGraceNs) / 1e6;
  const cancelKill = waitMs < 0 ? undefined : systemClock.after(waitMs, () => void runtime.signal(id, 'SIGKILL').catch(() => undefined));
  try {
    await ended;
  } finally {
    cancelKill?.();
  }
  return { stopped: true };
}
