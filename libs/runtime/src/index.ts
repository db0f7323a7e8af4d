export * from './runtime.js';
export { LinuxRuntime, openRuntime, type RuntimeEvent, type RuntimeOptions } from './linux-runtime.js';
export { FakeRuntime, type FakeBehavior } from './fake-runtime.js';
export type { FakeExec } from './fake-process.js';
export { OutputQueue } from './output-queue.js';
export type { UserNamespaceOptions } from './isolation-plan.js';
