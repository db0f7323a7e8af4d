import { createInterface } from 'node:readline';
import { openNodeNetwork } from '../src/index.js';
import type { NodeNetwork } from '../src/index.js';

/** A node's network in a process of its own, told what to do by JSON lines: namespaces belong to threads. */

let network: NodeNetwork | undefined;
const never = new AbortController().signal;

const calls: Record<string, (argument: never) => Promise<unknown>> = {
  open: async (options: Parameters<typeof openNodeNetwork>[0]) => void (network = await openNodeNetwork({ ...options, trace: (event) => console.error(JSON.stringify(event)) })),
  apply: (view: Parameters<NodeNetwork['apply']>[0]) => network!.apply(view, never),
  attach: (argument: { container: Parameters<NodeNetwork['attach']>[0]; networks: Parameters<NodeNetwork['attach']>[1] }) =>
    network!.attach(argument.container, argument.networks, never),
  detach: (containerId: string) => network!.detach(containerId),
  attached: () => network!.attached(),
  state: async () => network!.state(),
  probe: () => network!.probe(never),
  close: () => network!.close(),
  destroy: () => network!.destroy(),
  keys: async () => network!.encryptionKeys(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { call, argument } = JSON.parse(line) as { call: string; argument: never };
  try {
    console.log(JSON.stringify({ result: (await calls[call]!(argument)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error), stack: (error as Error).stack }));
  }
}
