import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../../base/src/index.js';
import { taskStates, templateId, type IndexedView, type TaskState } from '../../model/src/index.js';
import { aContext, aNode, applyChanges, aService, aTask, aTemplate, testEpochMs, viewOf } from '../../model/src/testing/index.js';
import { schedule } from '../src/index.js';
import { NodeTable, nodeTable } from '../src/node-table.js';

const nodeIds = ['a', 'b', 'c'];
const template = aTemplate({ resources: { reservations: { nanoCpus: 5e8, memoryBytes: 2 ** 28, generic: [{ kind: 'gpu', value: 1 }] } } });

/** What a table says, in values. */
function told(table: NodeTable) {
  const infos = [...table.infos.values()].sort((x, y) => (x.node.id < y.node.id ? -1 : 1));
  return {
    pending: [...table.pending.keys()].sort(),
    nodes: infos.map((info) => ({
      id: info.node.id,
      tasks: info.tasks,
      cpus: info.freeNanoCpus,
      memory: info.freeMemoryBytes,
      gpus: info.freeGeneric('gpu'),
      port: info.hasHostPort('tcp/8080'),
      failures: info.recentFailures({ serviceId: 'web', templateVersion: 1 }, testEpochMs),
      load: info.load,
    })),
  };
}

function node(id: string, cpus = 4) {
  return aNode({ id, index: nodeIds.indexOf(id) + 1, description: { nanoCpus: cpus * 1e9, generic: [{ kind: 'gpu', value: 2 }] } });
}

/** One random thing that happens to a view. */
function happen(view: IndexedView, [what, slot, place, state]: readonly [number, number, number, number]): void {
  const id = `t${slot}`;
  const nodeId = nodeIds[place]!;
  if (what === 0) view.apply('node', nodeId, view.get('node', nodeId) ? undefined : node(nodeId));
  else if (what === 1) view.apply('node', nodeId, node(nodeId, state));
  else if (what === 2) view.apply('task', id, undefined);
  else if (what === 3) applyChanges(view, schedule(view, { ...aContext(), random: seededRandom(1) }).changes);
  else {
    const observed = taskStates[state % taskStates.length] as TaskState;
    const desiredState = what === 4 ? 'running' : 'shutdown';
    const hostPorts = slot === 1 ? [{ targetPort: 80, publishedPort: 8080, publishMode: 'host' as const }] : [];
    view.apply('task', id, aTask({ id, slot, nodeId: observed === 'new' || observed === 'pending' ? '' : nodeId, desiredState, hostPorts, state: observed }));
  }
}

test('a table that followed every change says what a fresh one says', () => {
  const event = fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 13 }));
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const view = viewOf({ node: [node('a')], service: [aService({ spec: { template } })] });
      view.apply('template', templateId('web', 1), { ...view.get('template', templateId('web', 1))!, template });
      const table = view.index(nodeTable);
      for (const one of events) happen(view, one);
      expect(told(table)).toEqual(told(new NodeTable(view)));
    }),
    { numRuns: 300 },
  );
});

test('to decide leaves no trace', () => {
  const view = viewOf({ node: [node('a'), node('b')], service: [aService({ spec: { template } })], task: [1, 2, 3].map((slot) => aTask({ slot, state: 'pending' })) });
  const before = told(view.index(nodeTable));
  const first = schedule(view, aContext());
  expect(told(view.index(nodeTable))).toEqual(before);
  expect(schedule(view, aContext())).toEqual(first);
  expect(first.changes).toHaveLength(6);
});
