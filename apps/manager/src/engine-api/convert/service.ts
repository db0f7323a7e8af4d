import { parseTimestamp, timestamp } from '../../../../../libs/base/src/index.js';
import { compareStates, cronOptionsOf, type ClusterView, type Service, type Task } from '../../../../../libs/model/src/index.js';
import { waitOf } from '../../../../../libs/orchestrator/src/index.js';
import { meta, omitAbsent, omitEmpty, type Json } from '../json-output.js';
import { addressWithPrefix } from './network.js';
import { endpointSpecTo, portTo, serviceSpecTo } from './service-spec-out.js';

export function serviceTo(view: ClusterView, service: Service, options: { insertDefaults: boolean; status?: boolean }): Json {
  return omitAbsent({
    ID: service.id,
    ...meta(service),
    Spec: serviceSpecTo(service.spec, options),
    PreviousSpec: service.previousSpec && serviceSpecTo(service.previousSpec, options),
    Endpoint: endpointTo(view, service),
    UpdateStatus: updateStatusTo(service),
    JobStatus: jobStatusTo(service),
    Shoal: shoalStatusTo(view, service),
    ServiceStatus: options.status ? serviceStatusTo(view, service) : undefined,
  });
}

export function isJob(service: Service): boolean {
  return service.spec.mode.kind === 'replicated-job' || service.spec.mode.kind === 'global-job';
}

/** Every template of a job is one iteration; the first is 0, and Go leaves zeros out. Of a cron service each run is one, by its time. */
export function iterationTo({ templateVersion, run }: Pick<Task, 'templateVersion' | 'run'>): Json {
  return omitEmpty({ Index: run ?? templateVersion - 1 });
}

function jobStatusTo(service: Service): Json | undefined {
  if (!isJob(service)) return undefined;
  const run = runOf(service);
  const lastExecution = run === undefined ? (cronOptionsOf(service.spec) ? undefined : service.updatedAt) : timestamp(run);
  return omitAbsent({ JobIteration: iterationTo({ templateVersion: service.templateVersion, ...(run !== undefined && { run }) }), LastExecution: lastExecution });
}

/** The run of a cron service that began last, or that is to begin since a user has ordered it. */
function runOf({ orders, status: { cron } }: Service): number | undefined {
  const isOrdered = orders?.runAt !== undefined && orders.runAt !== cron?.orderedAt;
  return isOrdered ? parseTimestamp(orders.runAt!) : cron?.run;
}

/** When a cron service runs next, and what became of its last time. */
function cronTo(service: Service): Json {
  const options = cronOptionsOf(service.spec);
  if (!options) return {};
  const { cron } = service.status;
  const isOrdered = runOf(service) !== cron?.run;
  return { Cron: { Schedule: options.text, Concurrency: options.concurrency, ...omitEmpty({ NextRun: cron?.nextAt, UnderWay: (cron?.underWay.length ?? 0) + Number(isOrdered), Message: cron?.message }) } };
}

function endpointTo(view: ClusterView, service: Service): Json {
  const { ports, virtualIps } = service.status;
  const wanted = service.spec.endpoint;
  if (ports.length === 0 && virtualIps.length === 0) return { Spec: {} };
  return omitEmpty({
    Spec: endpointSpecTo(wanted),
    Ports: ports.map(portTo),
    VirtualIPs: virtualIps.map(({ networkId, address }) => ({ NetworkID: networkId, Addr: addressWithPrefix(view, networkId, address) })),
  });
}

/** To Docker's clients an update whose canary waits is a paused one, and the message says the rest. */
function updateStatusTo(service: Service): Json | undefined {
  const { update } = service.status;
  return update && omitEmpty({ State: update.state === 'canary' ? 'paused' : update.state, StartedAt: update.startedAt, CompletedAt: update.completedAt, Message: update.message });
}

/** What Docker has no words for. */
function shoalStatusTo(view: ClusterView, service: Service): Json | undefined {
  const { orders, status } = service;
  const said = { ...omitEmpty({ Stopped: orders?.stopped ?? false, Canary: status.update?.state === 'canary' }), ...waitTo(view, service), ...cronTo(service) };
  return Object.keys(said).length > 0 ? said : undefined;
}

/** What it waits for by `depends_on`, if anything. */
function waitTo(view: ClusterView, service: Service): Json {
  const wait = waitOf(view, service);
  return !wait ? {} : { Waiting: { Message: wait.message, Failed: wait.failed } };
}

/** The counts that `docker service ls` shows. */
export function serviceStatusTo(view: ClusterView, service: Service): Json {
  const tasks = view.tasksOfService(service.id);
  const isDown = (task: Task) => view.get('node', task.nodeId)?.status.state === 'down';
  const wanted = tasks.filter((task) => compareStates(task.desiredState, 'complete') <= 0);
  const running = wanted.filter((task) => task.status.state === 'running' && !isDown(task)).length;
  const isCurrent = (task: Task) => (task.run === undefined ? task.templateVersion === service.templateVersion : task.run === service.status.cron?.run);
  const current = tasks.filter(isCurrent);
  const completed = current.filter((task) => task.status.state === 'complete').length;
  return { RunningTasks: running, DesiredTasks: desiredTasks(service, wanted), CompletedTasks: isJob(service) ? completed : 0 };
}

function desiredTasks({ spec: { mode }, orders }: Service, wanted: Task[]): number {
  if (orders?.stopped) return 0;
  switch (mode.kind) {
    case 'replicated':
      return mode.replicas ?? 1;
    case 'global':
      return wanted.filter((task) => task.desiredState === 'running').length;
    case 'global-job':
      return wanted.filter((task) => compareStates(task.status.state, 'running') <= 0).length;
    case 'replicated-job':
      return mode.maxConcurrent ?? 1;
  }
}
