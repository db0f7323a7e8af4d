import type { ContainerOperation } from '../../../../libs/model/src/index.js';
import type { Runtime } from '../../../../libs/runtime/src/runtime.js';
import { systemClock } from '../../../../libs/base/src/index.js';
import type { Channel } from './channel.js';

/** What clients show as one step of a curve. */
const periodMs = 1_000;

/** Sends what the container uses, one JSON document per line and second, until nobody wants more or it has ended. */
export async function sendStats(operation: Extract<ContainerOperation, { kind: 'stats' }>, id: string, channel: Channel, runtime: Runtime): Promise<void> {
  let sample = await runtime.stats(id);
  await channel.started({});
  for (let sent = 1; ; sent++) {
    await channel.output('stdout', Buffer.from(`${JSON.stringify(sample)}\n`));
    if (!operation.follow && sent >= operation.samples) return;
    await systemClock.sleep(periodMs, channel.signal);
    const status = await runtime.status(id);
    if (status?.state !== 'running' && status?.state !== 'paused') return;
    sample = await runtime.stats(id);
  }
}
