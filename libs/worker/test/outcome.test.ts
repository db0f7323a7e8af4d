import { describe, expect, it } from 'vitest';
import { exitStatus, Reporter } from '../src/index.js';

describe('how an end is told', () => {
  const context = { stopped: false, containerId: 'c', pid: 7, limits: { memoryBytes: 50 * 1024 * 1024 }, wallMs: 0 };
  const exit = { code: 0, oomKilled: false, exitedAtMs: 0 };
  const told = (exited: Partial<typeof exit> & { signal?: number; startError?: string }, more = {}) => {
    const { state, error } = exitStatus({ ...exit, ...exited }, { ...context, ...more });
    return `${state}: ${error}`;
  };

  it.each([
    [told({}), 'complete: '],
    [told({ code: 3 }), 'failed: task: non-zero exit (3)'],
    [told({ code: 137, signal: 9 }), 'failed: task: non-zero exit (137): killed by SIGKILL'],
    [told({ code: 137, signal: 9, oomKilled: true }), 'failed: task: non-zero exit (137): out of memory (limit 50 MiB)'],
    [told({ code: 0, oomKilled: true }), 'complete: '],
    [told({ code: 143, signal: 15 }, { stopped: true }), 'shutdown: '],
    [told({ code: 137, signal: 9 }, { stopped: true, cause: 'unhealthy' }), 'failed: task: non-zero exit (137): dockerexec: unhealthy container'],
    [told({ code: 127, startError: 'no such file' }), 'failed: starting container failed: no such file'],
  ])('%s', (said, expected) => expect(said).toBe(expected));
});

describe('the reporter', () => {
  const status = (state: 'running' | 'failed') => ({ state, timestamp: '', message: '', error: '' });

  it('sends only the newest status of a task, once', () => {
    const reporter = new Reporter();
    reporter.report('a', status('running'));
    reporter.report('a', status('failed'));
    expect(reporter.take()).toEqual([{ taskId: 'a', status: status('failed') }]);
    expect(reporter.take()).toEqual([]);
  });

  it('tells everything again at the start of a session', () => {
    const reporter = new Reporter();
    reporter.report('a', status('running'));
    reporter.take();
    reporter.report('b', status('running'));
    expect(reporter.inventory().map(({ taskId }) => taskId)).toEqual(['a', 'b']);
    expect(reporter.take()).toEqual([]);
  });
});
