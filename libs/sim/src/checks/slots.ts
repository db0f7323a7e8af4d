import { compareStates, defaults, endedByItself, hasEnded, isLost, isWanted, satisfiesAll, type ClusterView, type Service, type ServiceSpec, type Task, type UpdateConfig } from '../../../model/src/index.js';
import { must, type MakeCheck } from './check.js';
import { outcomeOf } from './outcome.js';

/** One task per slot runs, two where new ones start first; as many slots as replicas; and an update takes out no more of them than its rule allows. */
export const slots: MakeCheck = (world, ledger) => {
  const disrupted = new Map<string, Set<string>>();
  return {
    name: 'slots',
    container({ what, taskId, machine }) {
      if (what !== 'started') return;
      const task = world.authority.view.get('task', taskId);
      if (!task || ledger.wasWrittenOff(task)) return;
      const running = world.authority.view.tasksOfService(task.serviceId).filter((other) => keyOf(other) === keyOf(task) && !ledger.wasWrittenOff(other) && runsNow(other));
      const limit = ledger.onceStartFirst.has(task.serviceId) ? 2 : 1;
      must(running.length <= limit, () => `${machine.name} starts a task of ${nameOf(task)} while ${running.filter(({ id }) => id !== taskId).map(({ id, nodeId }) => `${id} runs on ${nodeId}`).join(' and ')}`);
    },
    decided({ subsystem, view, changes }) {
      if (subsystem !== 'orchestrator' || changes.length === 0) return;
      const after = outcomeOf(view, changes);
      const touched = new Set(changes.flatMap((change) => ('object' in change && change.kind === 'task' ? [change.object.serviceId] : [])));
      for (const serviceId of touched) {
        const service = after.get('service', serviceId);
        if (!service || service.orders?.stopped) continue;
        checkCount(after, service);
        checkParallelism(view, after, service);
        const out = disrupted.get(serviceId) ?? new Set();
        disrupted.set(serviceId, out);
        checkDisruption(view, after, service, out);
      }
    },
  };

  function runsNow({ id, nodeId }: Task): boolean {
    const machine = world.machine(nodeId);
    return machine?.power !== undefined && machine.runs(id);
  }
};

function keyOf(task: Task): string {
  return task.slot === 0 ? task.nodeId : String(task.slot);
}

function nameOf(task: Task): string {
  return `${task.serviceName}.${keyOf(task)}`;
}

function alive(view: ClusterView, serviceId: string): Task[] {
  return view.tasksOfService(serviceId).filter((task) => isWanted(task) && !hasEnded(task) && !isLost(view, task));
}

function checkCount(view: ClusterView, { id, spec }: Service): void {
  const count = new Set(alive(view, id).map(keyOf)).size;
  const limit = limitOf(view, spec);
  must(count <= limit, () => `${spec.name} shall have ${limit} replicas, and has tasks in ${count} slots`);
}

function limitOf(view: ClusterView, { mode }: ServiceSpec): number {
  if (mode.kind === 'replicated') return mode.replicas ?? defaults.replicas;
  if (mode.kind === 'replicated-job') return mode.maxConcurrent ?? mode.totalCompletions ?? 1;
  return view.count('node');
}

function rules(service: Service): UpdateConfig {
  const isRollback = service.status.update?.state.startsWith('rollback') ?? false;
  return (isRollback ? service.spec.rollback : service.spec.update) ?? { parallelism: 1 };
}

function parallelismOf(service: Service): number {
  return rules(service).parallelism || Infinity;
}

/** Served well until an update came. */
function isServing(view: ClusterView, task: Task): boolean {
  return task.status.state === 'running' && isWanted(task) && !isLost(view, task) && mayStay(view, task);
}

/** Nobody wants it to leave its node. */
function mayStay(view: ClusterView, task: Task): boolean {
  const node = view.get('node', task.nodeId);
  return node !== undefined && node.spec.availability !== 'drain' && satisfiesAll(node, view.templateOf(task)?.placement?.constraints ?? []);
}

/** New tasks beside old ones that serve: those are under way. */
function checkParallelism(before: ClusterView, after: ClusterView, service: Service): void {
  const underWay = (view: ClusterView) => {
    const tasks = alive(view, service.id);
    const old = new Set(tasks.filter((task) => task.templateVersion !== service.templateVersion && isServing(view, task)).map(keyOf));
    return new Set(tasks.filter((task) => task.templateVersion === service.templateVersion).map(keyOf).filter((key) => old.has(key)));
  };
  const now = underWay(after);
  const earlier = underWay(before);
  if ([...now].every((key) => earlier.has(key))) return;
  must(now.size <= parallelismOf(service), () => `${now.size} slots of ${service.spec.name} are updated at once, ${service.spec.name}.${[...now].join(`, ${service.spec.name}.`)}: ${rules(service).parallelism} may be`);
}

/** `out`: slots that an update has taken out of service. */
function checkDisruption(before: ClusterView, after: ClusterView, service: Service, out: Set<string>): void {
  const tasks = after.tasksOfService(service.id);
  const serving = new Set(tasks.filter((task) => task.status.state === 'running' && isWanted(task)).map(keyOf));
  for (const key of out) {
    const own = tasks.filter((task) => keyOf(task) === key && task.desiredState !== 'remove');
    const isComing = own.some((task) => isWanted(task) && !hasEnded(task) && !isLost(after, task) && (task.nodeId === '' || mayStay(after, task)));
    const isOver = serving.has(key) || !isComing || own.some((task) => endedByItself(task) && task.templateVersion === service.templateVersion);
    if (isOver) out.delete(key);
  }
  const taken = before
    .tasksOfService(service.id)
    .filter((task) => isServing(before, task) && task.templateVersion !== service.templateVersion && task.eviction?.kind !== 'preemption' && after.get('task', task.id)?.desiredState === 'shutdown')
    .map(keyOf)
    .filter((key) => !serving.has(key));
  for (const key of taken) out.add(key);
  if (taken.length === 0) return;
  must(out.size <= parallelismOf(service), () => `the update of ${service.spec.name} takes ${out.size} slots out of service at once: ${rules(service).parallelism} may be`);
  const needless = mustStartFirst(service) ? taken.filter((key) => !tasks.some((task) => keyOf(task) === key && makesRoomFor(task))) : [];
  must(needless.length === 0, () => `the update of ${service.spec.name} starts first, and takes ${service.spec.name}.${needless[0]} out of service`);
}

/** It lacks a node, or an address, that the task before may have: that one goes first, whatever the order. */
function makesRoomFor(task: Task): boolean {
  return isWanted(task) && compareStates(task.status.state, 'assigned') < 0 && task.status.error !== '';
}

function mustStartFirst(service: Service): boolean {
  return rules(service).order === 'start-first' && !service.spec.endpoint?.ports.some(({ publishMode }) => publishMode === 'host');
}
