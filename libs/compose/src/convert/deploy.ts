import type { GenericResource, Placement, ResourceReservations, RestartPolicy, ServiceMode, TaskTemplate, UpdateConfig } from '../../../model/src/index.js';
import type { Service } from '../compose-config.js';
import { didYouMean } from '../problems.js';
import { convertCpus, convertMemory } from './amounts.js';
import { runsOnce } from './dependencies.js';
import { convertLimits } from './limits.js';
import type { Scope } from './scope.js';
import { compact, nonZero, note, problem, servicePath, toNumber } from './scope.js';

type Deploy = NonNullable<Service['deploy']>;

export function convertMode(scope: Scope, name: string, deploy: Deploy): ServiceMode {
  const replicas = toNumber(deploy.replicas);
  switch (deploy.mode ?? 'replicated') {
    case 'replicated':
      return { kind: 'replicated', ...(replicas === undefined ? {} : { replicas }) };
    case 'replicated-job':
      return { kind: 'replicated-job', ...(replicas === undefined ? {} : { maxConcurrent: replicas, totalCompletions: replicas }) };
    case 'global':
    case 'global-job':
      if (replicas !== undefined) problem(scope, servicePath(name, 'deploy.replicas'), `a service of mode ${deploy.mode} has no replicas: it runs once on every node`, 'remove replicas');
      return { kind: deploy.mode as 'global' | 'global-job' };
    default:
      problem(scope, servicePath(name, 'deploy.mode'), `"${deploy.mode}" is not a mode`, 'it is replicated, global, replicated-job or global-job');
      return { kind: 'replicated' };
  }
}

/** A block without `parallelism` means one at a time. */
export function convertUpdate(scope: Scope, name: string, key: 'update_config' | 'rollback_config', source: Deploy['update_config']): UpdateConfig | undefined {
  if (!source) return undefined;
  const actions = key === 'update_config' ? ['pause', 'continue', 'rollback'] : ['pause', 'continue'];
  if (source.failure_action !== undefined && !actions.includes(source.failure_action)) {
    problem(scope, servicePath(name, `deploy.${key}.failure_action`), `"${source.failure_action}" is not one of ${actions.join(', ')}`, didYouMean(source.failure_action, actions));
  }
  return compact<UpdateConfig>({
    parallelism: toNumber(source.parallelism) ?? 1,
    delayNs: nonZero(source.delay),
    failureAction: source.failure_action as UpdateConfig['failureAction'],
    monitorNs: nonZero(source.monitor),
    maxFailureRatio: source.max_failure_ratio === undefined ? undefined : Number(source.max_failure_ratio.toPrecision(7)),
    order: source.order as UpdateConfig['order'],
  });
}

export function convertResources(scope: Scope, name: string, service: Service): TaskTemplate['resources'] {
  const limits = convertLimits(scope, name, service);
  const block = service.deploy?.resources?.reservations;
  if (!limits && !block) return undefined;
  return compact<NonNullable<TaskTemplate['resources']>>({ limits, reservations: block && convertReservations(scope, servicePath(name, 'deploy.resources.reservations'), block) });
}

function convertReservations(scope: Scope, path: string, block: Reservations): ResourceReservations {
  const generic = [...convertGeneric(block.generic_resources), ...convertDeviceRequests(scope, `${path}.devices`, block.devices)];
  return compact<ResourceReservations>({
    nanoCpus: convertCpus(scope, `${path}.cpus`, block.cpus),
    memoryBytes: convertMemory(scope, `${path}.memory`, block.memory),
    generic: generic.length > 0 ? generic : undefined,
  });
}

type Reservations = NonNullable<NonNullable<Deploy['resources']>['reservations']>;

function convertGeneric(resources: Reservations['generic_resources']): GenericResource[] {
  return (resources ?? []).flatMap(({ discrete_resource_spec: spec }) => (spec ? [{ kind: spec.kind ?? '', value: Number(spec.value ?? 0n) }] : []));
}

/** Devices are generic resources of the nodes: the first capability is their kind, such as gpu. */
function convertDeviceRequests(scope: Scope, path: string, requests: Reservations['devices']): GenericResource[] {
  return (requests ?? []).flatMap(({ capabilities, count, device_ids: ids, options }, index): GenericResource[] => {
    const place = `${path}[${index}]`;
    const kind = capabilities?.[0];
    if (kind === undefined) problem(scope, place, 'it names no capability', 'capabilities look like [gpu]');
    if (options?.size) note(scope, 'ignored', `${place}.options`, '"options" of a device have no effect: there are no device drivers here');
    if (ids && count !== undefined) problem(scope, place, 'count and device_ids exclude each other', 'keep one of them');
    if (ids) return ids.map((id) => ({ kind: kind ?? '', id }));
    if (count !== undefined && /^[1-9][0-9]*$/.test(count)) return [{ kind: kind ?? '', value: Number(count) }];
    problem(scope, place, count === undefined ? 'it does not say how many' : `"${count}" is not a number of devices`, 'the scheduler counts them: write "count: 1", or device_ids');
    return [];
  });
}

/** `deploy.restart_policy`, or else the older `restart`. */
export function convertRestart(scope: Scope, name: string, service: Service): RestartPolicy | undefined {
  const policy = service.deploy?.restart_policy;
  if (!policy) return runsOnce(scope, name) ? { condition: 'none' } : convertLegacyRestart(scope, name, service.restart);
  return compact<RestartPolicy>({
    condition: convertCondition(scope, name, policy.condition),
    delayNs: toNumber(policy.delay),
    maxAttempts: toNumber(policy.max_attempts),
    windowNs: toNumber(policy.window),
  });
}

/** Case and underscores do not matter. */
function convertCondition(scope: Scope, name: string, text: string | undefined): RestartPolicy['condition'] {
  const condition = text?.toLowerCase().replaceAll('_', '-');
  if (condition === undefined || condition === 'none' || condition === 'on-failure' || condition === 'any') return condition;
  const suggestion = condition === 'always' || condition === 'unless-stopped' ? 'write any' : condition === 'no' ? 'write none' : 'it is none, on-failure or any';
  problem(scope, servicePath(name, 'deploy.restart_policy.condition'), `"${text}" is not a restart condition`, suggestion);
  return undefined;
}

function convertLegacyRestart(scope: Scope, name: string, text: string | undefined): RestartPolicy | undefined {
  const [policy = '', attemptsText = ''] = (text ?? '').split(/:(.*)/s);
  const wrong = (message: string): undefined => problem(scope, servicePath(name, 'restart'), message, 'it is "no", always, unless-stopped, on-failure or on-failure:5') as undefined;
  if (attemptsText !== '' && !/^\+?[0-9]+$/.test(attemptsText)) return wrong(`"${attemptsText}" is not a number of attempts`);
  const attempts = attemptsText === '' || Number(attemptsText) === 0 ? {} : { maxAttempts: Number(attemptsText) };
  if (policy === '' && text !== undefined) return wrong(`"${text}" names no restart policy`);
  if (policy === '' || policy === 'no') return undefined;
  if (policy === 'always' || policy === 'unless-stopped') return { condition: 'any' };
  if (policy === 'on-failure') return { condition: 'on-failure', ...attempts };
  return wrong(`"${policy}" is not a restart policy`);
}

const constraint = /^\s*[a-z_][a-z0-9\-_.]+\s*(?:==|!=)\s*[a-z0-9:\-_\s.*()?+[\]\\^$|/]+\s*$/i;

/** Shoal's own. */
const membership = /^\s*[a-z_][a-z0-9\-_.]+\s+in\s*\([^()]+\)\s*$/i;

export function convertPlacement(scope: Scope, name: string, { placement }: Deploy): Placement | undefined {
  if (!placement) return undefined;
  (placement.constraints ?? []).forEach((text, index) => {
    if (constraint.test(text) || membership.test(text)) return;
    const suggestion = /^[^=!]*=[^=]*$/.test(text) ? `write ${text.replace('=', '==')}` : 'constraints look like node.labels.disk == ssd or node.role != manager';
    problem(scope, servicePath(name, `deploy.placement.constraints[${index}]`), `"${text}" is not a constraint`, suggestion);
  });
  return compact<Placement>({
    constraints: placement.constraints ?? [],
    preferences: (placement.preferences ?? []).map(({ spread = '' }) => ({ spread })),
    maxReplicas: nonZero(placement.max_replicas_per_node),
    platforms: [],
  });
}
