import { describe, expect, test } from 'vitest';
import { timestamp } from '../../base/src/index.js';
import type { Service, Task } from '../../model/src/index.js';
import { aService, aTask, aTemplate, testEpochMs, viewOf } from '../../model/src/testing/index.js';
import { planScaling, type TaskLoad } from '../src/index.js';

const nowMs = testEpochMs + 3_600_000;
const running = (count: number): Task[] => Array.from({ length: count }, (_, index) => aTask({ slot: index + 1, nodeId: 'a', state: 'running' }));

interface Case {
  replicas: number;
  load?: TaskLoad | undefined;
  label?: string;
  service?: Partial<Service>;
  tasks?: Task[];
}

function decide({ replicas, load, label = 'min=1 max=10 cpu=50 cooldown=1m', service, tasks = running(replicas) }: Case): string {
  const limits = { nanoCpus: 0.5e9, memoryBytes: 100 * 2 ** 20 };
  const it = aService({ replicas, spec: { labels: { 'shoal.autoscale': label }, template: aTemplate({ resources: { limits } }), mode: { kind: 'replicated', replicas } }, ...service });
  const scaling = planScaling(viewOf({ service: [it], task: tasks }), it, () => load, nowMs);
  return scaling ? `${scaling.from} → ${scaling.to}: ${scaling.why}` : 'as it is';
}

const cpus = (share: number): TaskLoad => ({ cpus: share, memoryBytes: 0 });

describe('the number of tasks', () => {
  test('grows with the use of the CPU limit, at most to the double in one step', () => {
    expect(decide({ replicas: 4, load: cpus(0.375) })).toBe('4 → 6: its tasks use 75 % CPU on average, wanted are 50 %');
    expect(decide({ replicas: 2, load: cpus(5) })).toBe('2 → 4: its tasks use 1000 % CPU on average, wanted are 50 %');
  });

  test('shrinks, at most to the half in one step', () => {
    expect(decide({ replicas: 8, load: cpus(0.01) })).toBe('8 → 4: its tasks use 2 % CPU on average, wanted are 50 %');
    expect(decide({ replicas: 4, load: cpus(0.1875) })).toBe('4 → 3: its tasks use 38 % CPU on average, wanted are 50 %');
  });

  test('stays within its bounds, and goes back into them without a look at any use', () => {
    expect(decide({ replicas: 8, load: cpus(5) })).toMatch(/^8 → 10: /);
    expect(decide({ replicas: 10, load: cpus(5) })).toBe('as it is');
    expect(decide({ replicas: 1, load: cpus(0) })).toBe('as it is');
    expect(decide({ replicas: 12 })).toBe('12 → 10: 12 is outside of 1 to 10');
    expect(decide({ replicas: 1, label: 'min=3 max=5 memory=80' })).toBe('1 → 3: 1 is outside of 3 to 5');
  });

  test('rests when the use is about what is wanted', () => {
    for (const share of [0.226, 0.25, 0.274]) expect(decide({ replicas: 4, load: cpus(share) })).toBe('as it is');
  });

  test('follows memory as well, and the one that wants more', () => {
    const load = { cpus: 0.05, memoryBytes: 96 * 2 ** 20 };
    expect(decide({ replicas: 4, load, label: 'max=10 cpu=50 memory=80' })).toBe('4 → 5: its tasks use 96 % memory on average, wanted are 80 %');
  });

  test('shrinks only when it was not changed for the cooldown; to grow it does not wait', () => {
    const service = { updatedAt: timestamp(nowMs - 59_000) };
    expect(decide({ replicas: 4, load: cpus(0.01), service })).toBe('as it is');
    expect(decide({ replicas: 4, load: cpus(0.01), service: { updatedAt: timestamp(nowMs - 60_000) } })).toMatch(/^4 → 2/);
    expect(decide({ replicas: 4, load: cpus(0.5), service })).toMatch(/^4 → 8/);
  });

  test('waits until all of its tasks run and were measured', () => {
    expect(decide({ replicas: 4 })).toBe('as it is');
    expect(decide({ replicas: 4, load: cpus(0.5), tasks: running(3) })).toBe('as it is');
    expect(decide({ replicas: 4, load: cpus(0.5), tasks: [...running(3), aTask({ slot: 4, state: 'pending' })] })).toBe('as it is');
  });

  test('is left alone during an update, while it is stopped, and without the label', () => {
    const load = cpus(0.5);
    const updating = { ports: [], virtualIps: [], update: { state: 'updating', startedAt: '', message: '' } as const };
    expect(decide({ replicas: 4, load, service: { status: updating } })).toBe('as it is');
    expect(decide({ replicas: 4, load, service: { orders: { stopped: true } } })).toBe('as it is');
    expect(planScaling(viewOf({}), aService(), () => load, nowMs)).toBeUndefined();
  });
});
