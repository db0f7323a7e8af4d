import { describe, expect, test } from 'vitest';
import type { ClusterNode, Service, Task } from '../src/api-client/types.js';
import { assessService, emptyBaseline, type Baseline } from '../src/progress/convergence.js';

const stamp = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

function service(change: Partial<Service['Spec']> = {}, more: Partial<Service> = {}): Service {
  const Spec = { Name: 'web', TaskTemplate: {}, Mode: { Replicated: { Replicas: 2 } }, ...change };
  return { ID: 's1', CreatedAt: stamp(0), UpdatedAt: stamp(0), Spec, ...more };
}

let serial = 0;
function task(slot: number, state: string, change: Partial<Task> & { err?: string } = {}): Task {
  serial++;
  const { err, ...rest } = change;
  const live = ['complete', 'failed', 'rejected', 'shutdown'].includes(state) ? 'shutdown' : 'running';
  return {
    ID: `t${serial}`,
    CreatedAt: stamp(serial),
    UpdatedAt: stamp(serial),
    ServiceID: 's1',
    NodeID: 'n1',
    Spec: {},
    Slot: slot,
    DesiredState: live,
    Status: { State: state, Err: err },
    ...rest,
  };
}

function assess(of: Service, tasks: Task[], nodes: ClusterNode[] = [], baseline: Baseline = emptyBaseline) {
  const { outcome, done, wanted, detail, reason } = assessService(of, { services: [of], tasks, nodes }, baseline);
  return { outcome, count: `${done}/${wanted}`, detail, reason };
}

describe('a replicated service', () => {
  test('has converged when every slot has a running task', () => {
    const tasks = [task(1, 'running'), task(2, 'failed'), task(2, 'running')];
    expect(assess(service(), tasks)).toMatchObject({ outcome: 'converged', count: '2/2' });
  });

  test('says what the open slots do', () => {
    const tasks = [task(1, 'preparing')];
    expect(assess(service(), tasks)).toMatchObject({ outcome: 'waiting', count: '0/2', detail: '1 preparing, 1 to be created' });
  });

  test('names why a task cannot be placed', () => {
    const tasks = [task(1, 'running'), task(2, 'pending', { err: 'no suitable node (insufficient resources on 2 nodes)' })];
    expect(assess(service(), tasks)).toMatchObject({ outcome: 'waiting', reason: 'no suitable node (insufficient resources on 2 nodes)' });
  });

  test('says how the last task of an open slot ended', () => {
    const tasks = [task(1, 'running'), task(2, 'failed', { err: 'task: non-zero exit (1)' })];
    expect(assess(service(), tasks)).toMatchObject({ outcome: 'waiting', detail: '1 to be created', reason: 'task: non-zero exit (1)' });
    tasks.push(task(2, 'running'));
    expect(assess(service(), tasks)).toMatchObject({ outcome: 'converged', reason: undefined });
  });

  test('looks at the task that failed, not at the one that waits for its restart', () => {
    const failed = task(2, 'failed', { err: 'task: non-zero exit (1)' });
    const tasks = [task(1, 'running'), failed, task(2, 'ready', { err: 'crash-looping: task: non-zero exit (1); restarts after 10 s, 2nd time in a row' })];
    const of = service();
    expect(assessService(of, { services: [of], tasks, nodes: [] }, emptyBaseline)).toMatchObject({ reason: expect.stringContaining('crash-looping'), culprit: failed });
  });

  test('does not count a task on a node that is down', () => {
    const down = { ID: 'n1', CreatedAt: '', UpdatedAt: '', Spec: {}, Description: {}, Status: { State: 'down' } };
    expect(assess(service(), [task(1, 'running'), task(2, 'running')], [down])).toMatchObject({ outcome: 'waiting', count: '0/2' });
  });

  test('waits until surplus tasks are told to go', () => {
    const tasks = [task(1, 'running'), task(2, 'running'), task(3, 'running')];
    expect(assess(service(), tasks).outcome).toBe('waiting');
    tasks[2]!.DesiredState = 'shutdown';
    expect(assess(service(), tasks).outcome).toBe('converged');
  });

  test('has failed after three failures in one slot, not in several', () => {
    const apart = [task(1, 'failed'), task(2, 'failed'), task(3, 'failed')];
    expect(assess(service(), apart).outcome).toBe('waiting');
    const together = [task(1, 'failed'), task(1, 'failed'), task(1, 'failed')];
    expect(assess(service(), together)).toMatchObject({ outcome: 'failed', reason: 'its task failed 3 times' });
  });

  test('has failed at once when the image does not exist', () => {
    const tasks = [task(1, 'rejected', { err: 'No such image: nosuch:1' })];
    expect(assess(service(), tasks)).toMatchObject({ outcome: 'failed', reason: 'a node cannot run its task' });
  });

  test('has failed at once when its task is not to be restarted', () => {
    const once = service({ TaskTemplate: { RestartPolicy: { Condition: 'none' } } });
    expect(assess(once, [task(1, 'failed')]).outcome).toBe('failed');
  });

  test('does not hold failures of before the change against it', () => {
    const tasks = [task(1, 'failed'), task(1, 'failed'), task(1, 'failed'), task(1, 'starting'), task(2, 'running')];
    const baseline = { taskIds: new Set(tasks.slice(0, 3).map((t) => t.ID)), updateStatus: new Map() };
    expect(assess(service(), tasks, [], baseline).outcome).toBe('waiting');
  });

  test('forgives failures of a slot that runs now', () => {
    const tasks = [task(1, 'failed'), task(1, 'failed'), task(1, 'failed'), task(1, 'running'), task(2, 'preparing')];
    expect(assess(service(), tasks)).toMatchObject({ outcome: 'waiting', count: '1/2' });
  });

  test('has converged when tasks that are not to be restarted have completed', () => {
    const once = service({ TaskTemplate: { RestartPolicy: { Condition: 'none' } } });
    expect(assess(once, [task(1, 'complete'), task(2, 'complete')])).toMatchObject({ outcome: 'converged', count: '2/2' });
  });

  test('with restart_policy any and a command that ends never converges', () => {
    const tasks = [task(1, 'complete'), task(1, 'complete'), task(1, 'complete')];
    expect(assess(service(), tasks)).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('status 0 3 times') });
  });

  test('of zero replicas has converged', () => {
    expect(assess(service({ Mode: { Replicated: { Replicas: 0 } } }), []).outcome).toBe('converged');
  });
});

describe('an update', () => {
  const running = () => [task(1, 'running'), task(2, 'running')];
  const updating = (State: 'updating' | 'paused' | 'rollback_completed' | 'completed', Message = '') =>
    service({}, { UpdateStatus: { State, Message } });

  test('must be over', () => {
    expect(assess(updating('updating'), running()).outcome).toBe('waiting');
    expect(assess(updating('completed'), running()).outcome).toBe('converged');
  });

  test('that is paused has failed', () => {
    expect(assess(updating('paused', 'task t1 failed'), running())).toMatchObject({ outcome: 'failed', reason: 'task t1 failed' });
  });

  test('that was rolled back says so', () => {
    expect(assess(updating('rollback_completed'), running()).outcome).toBe('rolled-back');
  });

  test('that was rolled back names what failed, although that is of no present spec', () => {
    const back = updating('rollback_completed', 'rollback completed');
    const before = task(1, 'failed', { err: 'an old failure' });
    const failed = task(1, 'failed', { err: 'task: non-zero exit (1)' });
    const baseline = { taskIds: new Set([before.ID]), updateStatus: new Map() };
    const snapshot = { services: [back], tasks: running(), allTasks: [before, failed, ...running()], nodes: [] };
    expect(assessService(back, snapshot, baseline)).toMatchObject({ outcome: 'rolled-back', reason: 'task: non-zero exit (1)', culprit: failed });
  });

  test('of an earlier deploy does not count', () => {
    const old = updating('rollback_completed');
    const baseline = { taskIds: new Set<string>(), updateStatus: new Map([['s1', JSON.stringify(old.UpdateStatus)]]) };
    expect(assess(old, running(), [], baseline).outcome).toBe('converged');
  });

  test('that will be rolled back is left to itself', () => {
    const s = service({ UpdateConfig: { FailureAction: 'rollback' } }, { UpdateStatus: { State: 'updating' } });
    expect(assess(s, [task(1, 'failed'), task(1, 'failed'), task(1, 'failed')]).outcome).toBe('waiting');
  });
});

describe('jobs and global services', () => {
  test('a replicated job counts completed tasks of its present iteration', () => {
    const job = service({ Mode: { ReplicatedJob: { MaxConcurrent: 1, TotalCompletions: 2 } } }, { JobStatus: { JobIteration: { Index: 1 } } });
    const tasks = [task(1, 'complete', { JobIteration: { Index: 1 } }), task(2, 'complete', { JobIteration: { Index: 0 } })];
    expect(assess(job, tasks)).toMatchObject({ outcome: 'waiting', count: '1/2' });
  });

  test('a global service has one task per node', () => {
    const global = service({ Mode: { Global: {} } }, { ServiceStatus: { DesiredTasks: 2, RunningTasks: 1 } });
    const tasks = [task(0, 'running'), task(0, 'starting', { NodeID: 'n2' })];
    expect(assess(global, tasks)).toMatchObject({ outcome: 'waiting', count: '1/2', detail: '1 starting' });
  });
});
