/** A process of its own that opens the runtime and starts one container; a test ends it with SIGKILL. */
import { openRuntime, type ContainerRequest } from '../src/index.js';

interface Order {
  stateDir: string;
  shimPath: string;
  cgroupParent: string;
  request: ContainerRequest;
}

process.once('message', (order: Order) => {
  void run(order);
});

async function run({ request, ...options }: Order): Promise<void> {
  const runtime = await openRuntime({ ...options, trace: () => undefined });
  await runtime.create(request, new AbortController().signal);
  process.send!(await runtime.start(request.id));
}
