import { parseArgs } from 'node:util';
import { seededRandom } from '../../libs/base/src/index.js';
import { IndexedView, templateId, type Task } from '../../libs/model/src/index.js';
import { aNode, aTask, aTemplate } from '../../libs/model/src/testing/index.js';
import { nodeTable, planPlacement } from '../../libs/scheduler/src/index.js';

/*
 * The scheduler alone, in one process: tasks of many services, all with a constraint, reservations, a spread preference and a limit
 * per node, on 10 000 nodes. Run with `--single-threaded --expose-gc`: one core does all, the collector too.
 */

const nowMs = Date.UTC(2024, 0, 1);
const zones = 5;

/** Half of the nodes have the label that the services ask for. */
function cluster(nodes: number): IndexedView {
  const view = new IndexedView();
  for (let index = 0; index < nodes; index++) {
    const id = `node-${index}`;
    const labels = { zone: `z${index % zones}`, disk: index % 2 ? 'ssd' : 'hdd' };
    view.apply('node', id, aNode({ id, index: index + 1, spec: { labels }, description: { nanoCpus: 64e9, memoryBytes: 256 * 2 ** 30 } }));
  }
  return view;
}

/** Every second service is for nodes with `ssd`. */
function addService(view: IndexedView, number: number): string {
  const id = `service-${number}`;
  const template = aTemplate({
    resources: { reservations: { nanoCpus: 1e8, memoryBytes: 64 * 2 ** 20 } },
    placement: { constraints: number % 2 ? ['node.labels.disk==ssd'] : ['node.role==worker'], preferences: [{ spread: 'node.labels.zone' }], maxReplicas: 50, platforms: [] },
  });
  view.apply('template', templateId(id, 1), { id: templateId(id, 1), version: 1, createdAt: '', updatedAt: '', template });
  return id;
}

const noNetworks: Task['networks'] = [];
const noPorts: Task['hostPorts'] = [];

function addPending(view: IndexedView, serviceId: string, slot: number): void {
  const id = `${serviceId}.${slot}`;
  view.apply('task', id, { ...aTask({ id, serviceId, slot, state: 'pending' }), networks: noNetworks, hostPorts: noPorts });
}

function measure(tasks: number, services: number, nodes: number): void {
  const view = cluster(nodes);
  view.index(nodeTable);
  const perService = tasks / services;
  for (let number = 0; number < services; number++) {
    const id = addService(view, number);
    for (let slot = 1; slot <= perService; slot++) addPending(view, id, slot);
  }
  planPlacement(smallWorld(), nowMs); // compiled code, as in a process that has run for a while
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const cpuBefore = process.cpuUsage();
  const placement = planPlacement(view, nowMs);
  const cpu = process.cpuUsage(cpuBefore);
  const placeMs = (cpu.user + cpu.system) / 1000;
  globalThis.gc?.();
  const bytesPerTask = (process.memoryUsage().heapUsed - heapBefore) / tasks;
  for (const { tasks: placed, infos } of placement.place) {
    for (const [index, task] of placed.entries()) view.apply('task', task.id, { ...task, nodeId: infos[index]!.node.id, status: { ...task.status, state: 'running' } });
  }
  const oneMoreUs = oneMore(view, services);
  row(tasks, services, placement.place.reduce((sum, { infos }) => sum + infos.length, 0), placeMs, (placeMs / tasks) * 1000, bytesPerTask, oneMoreUs);
}

/** One task more, of a service chosen at random, on the cluster as it is now: the median of many. */
function oneMore(view: IndexedView, services: number): number {
  const random = seededRandom(1);
  const times: number[] = [];
  for (let count = 0; count < 200; count++) {
    const serviceId = `service-${random.below(services)}`;
    addPending(view, serviceId, 1_000_000 + count);
    const startedMs = performance.now();
    const { place } = planPlacement(view, nowMs);
    times.push((performance.now() - startedMs) * 1000);
    if (place.length !== 1) throw new Error(`one task more of ${serviceId} was not placed`);
    view.apply('task', place[0]!.tasks[0]!.id, undefined);
  }
  return times.sort((a, b) => a - b)[times.length >> 1]!;
}

function smallWorld(): IndexedView {
  const view = cluster(1000);
  for (let number = 0; number < 20; number++) for (let slot = 1; slot <= 200; slot++) addPending(view, addService(view, number), slot);
  return view;
}

function row(...cells: (number | string)[]): void {
  process.stdout.write(`${cells.map((cell) => (typeof cell === 'number' ? cell.toFixed(cell < 100 && !Number.isInteger(cell) ? 2 : 0) : cell).padStart(12)).join('')}\n`);
}

const { values } = parseArgs({ options: { nodes: { type: 'string', default: '10000' }, tasks: { type: 'string', multiple: true, default: ['10000', '100000', '1000000'] }, services: { type: 'string', multiple: true, default: ['1000', '100000'] } } });
row('tasks', 'services', 'placed', 'CPU ms', 'µs per task', 'B per task', 'one more µs');
for (const services of values.services.map(Number)) {
  for (const tasks of values.tasks.map(Number)) if (tasks >= services) measure(tasks, services, Number(values.nodes));
}
