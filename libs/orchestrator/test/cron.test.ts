import { expect, test } from 'vitest';
import { isRefused } from '../../base/src/index.js';
import { checkServiceSpec, hasEnded, orderChanges, type Change, type ServiceMode, type ServiceOrder, type ServiceSpec } from '../../model/src/index.js';
import { applyChanges, aService, aTemplate, report, type World } from '../../model/src/testing/index.js';
import { aWorldOf } from './loops.js';

const minute = 60_000;
const once: ServiceMode = { kind: 'replicated-job', maxConcurrent: 1, totalCompletions: 1 };

/** Begins at a full hour and one second. Its tasks run until they are ended. */
function aCronWorld(labels: Record<string, string>, parts: Partial<ServiceSpec> = {}): World {
  const spec = { mode: once, labels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [key.includes('.') ? key : `shoal.cron.${key}`, value])), ...parts };
  const world = aWorldOf([aService({ id: 'job', spec: { name: 'job', ...spec } })]);
  const obedient = world.agents;
  world.agents = (view, context) => {
    const result = obedient(view, context);
    const isEnd = (change: Change) => change.action === 'status' && change.kind === 'task' && change.status.state === 'complete';
    const begins = result.changes.filter((change) => !isEnd(change) || view.get('task', (change as { id: string }).id)!.status.state !== 'running');
    return { ...result, changes: begins.map((change) => (isEnd(change) && 'status' in change ? ({ ...change, status: { ...change.status, state: 'running', message: 'started' } } as Change) : change)) };
  };
  world.settle();
  return world;
}

function order(world: World, what: ServiceOrder): void {
  applyChanges(world.view, orderChanges(world.view, cron(world), what, world.nowMs));
}

const cron = (world: World) => world.view.get('service', 'job')!;
const runs = (world: World) => world.tasks().map(({ run }) => new Date(run!).toISOString().slice(11, 16));
const complete = (world: World) => {
  for (const task of world.alive()) applyChanges(world.view, [report(task, 'complete', world.nowMs, { exitCode: 0 })]);
  world.settle();
};

test('nothing runs before its time has come; then it runs once, and again at the next time', () => {
  const world = aCronWorld({ schedule: '*/10 * * * *' });
  expect(world.tasks()).toEqual([]);
  expect(cron(world).status.cron).toMatchObject({ nextAt: expect.stringContaining(':10:00'), underWay: [] });
  expect(world.after(9 * minute + 58_999)).toEqual([]);
  expect(world.after(1)).toEqual(['create job.1: the job needs it']);
  expect(world.after(minute)).toEqual([]);
  complete(world);
  expect(world.after(8 * minute)).toEqual([]);
  expect(world.after(minute)).toEqual(['create job.1: the job needs it']);
  expect(runs(world)).toEqual(['00:10', '00:20']);
});

test('the next leader does not run it again: the time and its tasks are written in one commit', () => {
  const world = aCronWorld({ schedule: '0 * * * *' });
  world.nowMs += 60 * minute;
  const view = world.view;
  const [first] = world.decides;
  const { changes } = first!(view, { nowMs: world.nowMs, random: world.random });
  expect(changes.map(({ action, kind }) => `${action} ${kind}`)).toEqual(['status service', 'create task']);
  applyChanges(view, changes);
  expect(first!(view, { nowMs: world.nowMs + 500, random: world.random }).changes).toEqual([]);
});

test('of the times that were missed only the latest is made up for', () => {
  const world = aCronWorld({ schedule: '0 * * * *' });
  expect(world.after(5 * 60 * minute)).toEqual(['create job.1: the job needs it']);
  expect(runs(world)).toEqual(['05:00']);
});

test('too late is too late: with a deadline it is left out, and that is said', () => {
  const world = aCronWorld({ schedule: '0 * * * *', deadline: '5m' });
  expect(world.after(66 * minute)).toEqual(['service job: the run of 2024-01-01T01:00:00Z was missed, and it is too late for it now']);
  expect(world.tasks()).toEqual([]);
  expect(world.after(58 * minute)).toEqual(['create job.1: the job needs it']);
});

test('forbid: while a run is under way the next one is left out', () => {
  const world = aCronWorld({ schedule: '*/10 * * * *' });
  world.after(10 * minute);
  expect(world.after(10 * minute)).toEqual(['service job: the run of 2024-01-01T00:20:00Z was left out: that of 2024-01-01T00:10:00Z is still under way']);
  complete(world);
  world.after(10 * minute);
  expect(runs(world)).toEqual(['00:10', '00:30']);
});

test('replace: the run under way makes way, and the next begins when it has stopped', () => {
  const world = aCronWorld({ schedule: '*/10 * * * *', concurrency: 'replace' });
  world.after(10 * minute);
  const agents = world.agents;
  world.agents = () => ({ changes: [] });
  expect(world.after(10 * minute)).toEqual(['shut down job.1 on node-a: the run of 2024-01-01T00:20:00Z takes its place']);
  world.agents = agents;
  expect(world.after(1000)).toEqual(['create job.1: the job needs it']);
  expect(world.alive()).toHaveLength(1);
  expect(cron(world).status.cron?.underWay).toHaveLength(1);
});

test('allow: both run', () => {
  const world = aCronWorld({ schedule: '*/10 * * * *', concurrency: 'allow' });
  world.after(10 * minute);
  expect(world.after(10 * minute)).toEqual(['create job.1: the job needs it']);
  expect(world.alive()).toHaveLength(2);
  complete(world);
  expect(cron(world).status.cron?.underWay).toEqual([]);
});

test('a failed task is tried again within the run, as the restart policy has it, and with the version that the run began with', () => {
  const world = aCronWorld({ schedule: '*/10 * * * *' }, { template: aTemplate({ restart: { condition: 'on-failure', maxAttempts: 1, delayNs: 0 } }) });
  world.after(10 * minute);
  world.changeService('job', (spec) => ({ ...spec, template: { ...spec.template, forceUpdate: 1 } }));
  expect(world.settle()).toEqual([]);
  world.report(1, 'failed', { exitCode: 1 });
  expect(world.settle()).toEqual(['create job.1: the attempt before is failed', 'shut down job.1 on node-a: it is failed'].slice(0, 1));
  world.report(1, 'failed', { exitCode: 1 });
  world.settle();
  expect(cron(world).status.cron?.underWay).toEqual([]);
  world.after(10 * minute);
  expect(world.tasks().map(({ templateVersion }) => templateVersion)).toEqual([1, 1, 2]);
});

test('several tasks in a run, as the mode says', () => {
  const world = aCronWorld({ schedule: '*/10 * * * *' }, { mode: { kind: 'replicated-job', maxConcurrent: 2, totalCompletions: 3 } });
  world.after(10 * minute);
  expect(world.alive()).toHaveLength(2);
  complete(world);
  complete(world);
  expect(world.tasks()).toHaveLength(3);
  expect(cron(world).status.cron?.underWay).toEqual([]);
  const everywhere = aCronWorld({ schedule: '*/10 * * * *' }, { mode: { kind: 'global-job' } });
  everywhere.after(10 * minute);
  expect(everywhere.alive().map(({ nodeId }) => nodeId).sort()).toEqual(['node-a', 'node-b', 'node-c']);
});

test('another schedule begins anew: what it would have had before does not count', () => {
  const world = aCronWorld({ schedule: '0 0 1 * *' });
  world.nowMs += 30 * minute;
  world.changeService('job', (spec) => ({ ...spec, labels: { 'shoal.cron.schedule': '0 * * * *' } }));
  expect(world.settle()).toEqual([]);
  expect(cron(world).status.cron?.nextAt).toContain('T01:00:00');
});

test('a run beside the schedule, at once, and not twice', () => {
  const world = aCronWorld({ schedule: '0 0 1 * *' });
  order(world, 'run-now');
  expect(world.settle()).toEqual(['create job.1: the job needs it']);
  expect(world.after(minute)).toEqual([]);
  try {
    order(world, 'run-now');
    expect.unreachable();
  } catch (error) {
    expect(isRefused(error, 'precondition') && error.message).toBe('a run of job is under way, and it forbids a second one beside it (concurrency: forbid)');
  }
  complete(world);
  order(world, 'run-now');
  expect(world.settle()).toEqual(['create job.1: the job needs it']);
});

test('stopped, it lets its times pass, and makes up for none when it starts', () => {
  const world = aCronWorld({ schedule: '0 * * * *' });
  world.after(60 * minute);
  order(world, 'stop');
  world.settle();
  expect(world.tasks().every(hasEnded)).toBe(true);
  expect(world.after(150 * minute)).toEqual([]);
  order(world, 'start');
  expect(world.settle()).toEqual([]);
  expect(cron(world).status.cron?.nextAt).toContain('T04:00:00');
});

test('history: so many ended tasks of a slot stay', () => {
  const world = aCronWorld({ schedule: '*/10 * * * *', history: '2' });
  for (let run = 0; run < 5; run++) {
    world.after(10 * minute);
    complete(world);
  }
  expect(world.tasks()).toHaveLength(2);
});

test('the labels of swarm-cronjob: a service of no replicas runs so many tasks each time, which replace those before', () => {
  const labels = { 'swarm.cronjob.enable': 'true', 'swarm.cronjob.schedule': '*/10 * * * *', 'swarm.cronjob.replicas': '2' };
  const world = aCronWorld(labels, { mode: { kind: 'replicated', replicas: 0 } });
  world.after(10 * minute);
  expect(world.alive()).toHaveLength(2);
  const before = world.alive().map(({ id }) => id);
  world.after(10 * minute);
  expect(world.alive()).toHaveLength(2);
  expect(world.alive().filter(({ id }) => before.includes(id))).toEqual([]);
  const skipping = aCronWorld({ ...labels, 'swarm.cronjob.skip-running': 'true' }, { mode: { kind: 'replicated', replicas: 0 } });
  skipping.after(10 * minute);
  expect(skipping.after(10 * minute)[0]).toContain('was left out');
});

test.each([
  [{ 'shoal.cron.schedule': '61 * * * *' }, once, '"61 * * * *" is not a schedule: "61" is not between 0 and 59'],
  [{ 'shoal.cron.schedule': '@daily', 'shoal.cron.timezone': 'Nowhere/At-All' }, once, '"Nowhere/At-All" is not a time zone'],
  [{ 'shoal.cron.schedule': '@daily', 'shoal.cron.concurrency': 'maybe' }, once, '"maybe" is none of forbid, replace, allow'],
  [{ 'shoal.cron.schedule': '@daily', 'shoal.cron.history': '0' }, once, '"0" is not a number from 1 to 9999'],
  [{ 'shoal.cron.history': '3' }, once, 'shoal.cron.history has no effect without shoal.cron.schedule'],
  [{ 'shoal.cron.schedule': '@daily' }, { kind: 'global' }, 'the mode is to be replicated-job or global-job, and not global'],
  [{ 'swarm.cronjob.enable': 'true' }, once, 'there is no swarm.cronjob.schedule'],
] as [Record<string, string>, ServiceMode, string][])('%j is refused with the reason', (labels, mode, reason) => {
  const { spec } = aService({ spec: { labels, mode } });
  expect(checkServiceSpec(spec).map(({ message }) => message).join('\n')).toContain(reason);
});
