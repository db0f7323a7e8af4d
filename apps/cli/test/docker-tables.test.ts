import { afterEach, describe, expect, test } from 'vitest';
import { shoal, type RunResult } from './run-shoal.js';
import { readRecording, recordedSecondMs, replay, stubManager, type Recording, type StubManager } from './stub-manager.js';

let manager: StubManager | undefined;
afterEach(async () => {
  await manager?.close();
  manager = undefined;
});

/**
 * Docker's own tables: the same arguments against the same answers give the same bytes.
 * The recordings have their time in whole seconds, so "now" is sought within the second.
 */
const sameOutput = [
  'node/ls',
  'node/ls-down',
  'node/ls-two-managers',
  'node/ls-filter-label',
  'node/ls-q',
  'node/ls-tlsstatus',
  'node/inspect-format',
  'node/ps',
  'node/ps-drained',
  'node/ps-empty',
  'node/promote',
  'node/promote-again',
  'node/demote',
  'node/demote-again',
  'node/rm',
  'node/update-label-add',
  'node/update-active',
  'service/ls',
  'service/ls-empty',
  'service/ls-exit',
  'service/ls-filter-badmode',
  'service/ls-filter-mode',
  'service/ls-q',
  'service/ps',
  'service/ps-history',
  'service/ps-job',
  'service/ps-global',
  'service/ps-multi',
  'service/ps-noresolve',
  'service/ps-notrunc',
  'service/ps-q',
  'service/ps-failed',
  'service/ps-rejected',
  'service/ps-unhealthy',
  'service/ps-exit',
  'service/ps-pending',
  'service/inspect-notfound',
  'service/inspect-format',
  'service/inspect-rr',
  'service/rollback-d',
  'service/rollback-none',
  'service/rm',
  'service/rm-notfound',
  'stack/ls',
  'stack/ls-empty',
  'stack/ls-format',
  'stack/ps',
  'stack/ps-full',
  'stack/ps-noresolve',
  'stack/ps-q',
  'stack/services',
  'stack/services-full',
  'stack/services-jobs',
  'stack/services-ports',
  'stack/services-q',
  'network/ls',
  'secret/ls',
  'secret/inspect',
  'config/ls',
  'config/ls-filter-label',
];

describe('prints what docker printed', () => {
  test.each(sameOutput)('%s', async (name) => {
    const recording = readRecording(name);
    manager = await stubManager(replay(recording));
    const result = await runWhenDockerRan(recording, manager);
    expect(result.out).toBe(recording.stdout);
    expect(result.status).toBe(recording.exitCode);
  });
});

async function runWhenDockerRan(recording: Recording, { host }: StubManager): Promise<RunResult> {
  const second = recordedSecondMs(recording);
  let result: RunResult | undefined;
  for (const offsetMs of [500, 0, 250, 750, 1000, 125, 375, 625, 875]) {
    result = await shoal(recording.argv.slice(1), { host, wallMs: second + offsetMs });
    if (result.out === recording.stdout) return result;
  }
  return result!;
}
