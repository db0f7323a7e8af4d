import { afterAll, beforeAll } from 'vitest';
import { KernelHost } from './kernel-host.js';
import { runtimeContract } from './runtime-contract.js';

let host: KernelHost;
beforeAll(async () => {
  host = await KernelHost.open();
});
afterAll(() => host.close());

runtimeContract(() => ({
  runtime: host.runtime,
  signal: host.signal,
  up: (id) => host.untilPrinted(id, 'up'),
  request: (kind) => host.request({ command: kind === 'runs' ? ['sh', '-c', 'trap "exit 143" TERM; echo up; while :; do sleep 0.05; done'] : ['nothere'] }),
}));
