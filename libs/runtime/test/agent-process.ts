/** A process of its own that opens the runtime, creates and starts containers, and tells of each; a test ends it with SIGKILL. */
import { openRuntime, type ContainerRequest } from '../src/index.js';

export interface AgentOrder {
  stateDir: string;
  shimPath: string;
  cgroupParent: string;
  requests: ContainerRequest[];
}

process.once('message', (order: AgentOrder) => {
  void run(order);
});

async function run({ requests, ...options }: AgentOrder): Promise<void> {
  const runtime = await openRuntime({ ...options, trace: () => undefined });
  await Promise.all(
    requests.map(async (request) => {
      await runtime.create(request, new AbortController().signal);
      process.send!(await runtime.start(request.id));
    }),
  );
}
