import { smallestResources, type Placement, type ResourceLimits, type ResourceReservations, type RestartPolicy, type ServiceMode, type TaskTemplate, type UpdateConfig } from '../../../model/src/index.js';
import type { Service } from '../compose-config.js';
import { parseCpus } from '../formats/cpus.js';
import { didYouMean } from '../problems.js';
import type { Scope } from './scope.js';
import { compact, nonZero, problem, servicePath, toNumber } from './scope.js';

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

export function convertResources(scope: Scope, name: string, { resources }: Deploy): TaskTemplate['resources'] {
  if (!resources?.limits && !resources?.reservations) return undefined;
  const path = servicePath(name, 'deploy.resources');
  const { limits, reservations } = resources;
  const common = (block: 'limits' | 'reservations', source: { cpus?: string; memory?: bigint }): { nanoCpus?: number; memoryBytes?: number } => {
    return compact({ nanoCpus: convertCpus(scope, `${path}.${block}.cpus`, source.cpus), memoryBytes: convertMemory(scope, `${path}.${block}.memory`, source.memory) });
  };
  return compact<NonNullable<TaskTemplate['resources']>>({
    limits: limits && compact<ResourceLimits>({ ...common('limits', limits), pids: nonZero(limits.pids) } as ResourceLimits),
    reservations: reservations && compact<ResourceReservations>({ ...common('reservations', reservations), generic: convertGeneric(reservations.generic_resources) } as ResourceReservations),
  });
}

function convertCpus(scope: Scope, path: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const parsed = parseCpus(text);
  if ('message' in parsed) problem(scope, path, parsed.message, 'CPUs look like "0.5" or "2"');
  else if (parsed.nanoCpus !== 0n && parsed.nanoCpus < smallestResources.nanoCpus) problem(scope, path, `"${text}" is too little: the least is 0.001`);
  return 'message' in parsed ? undefined : nonZero(parsed.nanoCpus);
}

function convertMemory(scope: Scope, path: string, bytes: bigint | undefined): number | undefined {
  if (bytes !== undefined && bytes < smallestResources.memoryBytes) problem(scope, path, `${bytes} bytes is too little: the least is 4M`);
  return nonZero(bytes);
}

function convertGeneric(resources: NonNullable<NonNullable<Deploy['resources']>['reservations']>['generic_resources']): ResourceReservations['generic'] {
  const generic = (resources ?? []).flatMap(({ discrete_resource_spec: spec }) => (spec ? [{ kind: spec.kind ?? '', value: Number(spec.value ?? 0n) }] : []));
  return generic.length > 0 ? generic : undefined;
}

/** `deploy.restart_policy`, or else the older `restart`. */
export function convertRestart(scope: Scope, name: string, service: Service): RestartPolicy | undefined {
  const policy = service.deploy?.restart_policy;
  if (!policy) return convertLegacyRestart(scope, name, service.restart);
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

export function convertPlacement(scope: Scope, name: string, { placement }: Deploy): Placement | undefined {
  if (!placement) return undefined;
  (placement.constraints ?? []).forEach((text, index) => {
    if (constraint.test(text)) return;
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
