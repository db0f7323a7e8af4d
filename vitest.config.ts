import { defineConfig } from 'vitest/config';

/**
 * One project per test level (docs/testing.md). The file name says the level:
 * `x.test.ts` unit, `x.contract.test.ts`, `x.kernel.test.ts`, `x.cluster.test.ts`.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{libs,apps,scripts}/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/*.{contract,kernel,cluster}.test.ts'],
          pool: 'threads',
          isolate: false,
          maxWorkers: 2,
          testTimeout: 60_000, // a busy machine is slow, and none of these waits for anything
        },
      },
      {
        test: {
          name: 'contract',
          include: ['{libs,apps}/**/*.contract.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'kernel',
          include: ['{libs,apps}/**/*.kernel.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['e2e/**/*.cluster.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
