import { isRefused } from '../../base/src/index.js';
import { checkAutoscale } from './autoscale-options.js';
import { isDnsName, type Problem } from './admission.js';
import { parseConstraint } from './constraint.js';
import { checkCronOptions } from './cron-options.js';
import { checkIsolation } from './isolation-checks.js';
import { parseLogDriver, type LogOptionMap } from './log-driver.js';
import { checkPlacementOptions } from './placement-options.js';
import { smallestResources, type ContainerSpec, type EndpointSpec, type Mount, type PortConfig, type ServiceSpec, type UpdateConfig } from './service.js';
import { checkTemplates } from './task-templates.js';
import { checkTraffic, trafficNotes } from './traffic.js';
import { checkUpdateOptions } from './update-options.js';

/** What is wrong with a service by itself. */
export function checkServiceSpec(spec: ServiceSpec): Problem[] {
  return [
    ...checkServiceName(spec.name),
    ...checkContainer(spec.template.container),
    ...checkIsolation(spec),
    ...checkResources(spec),
    ...checkRestart(spec),
    ...checkConstraints(spec.template.placement?.constraints ?? []),
    ...checkMode(spec),
    ...checkUpdateConfig('update', spec.update),
    ...checkUpdateConfig('rollback', spec.rollback),
    ...checkEndpoint(spec.endpoint),
    ...checkTraffic(spec),
    ...checkUpdateOptions(spec),
    ...checkCronOptions(spec),
    ...checkPlacementOptions(spec),
    ...checkAutoscale(spec),
    ...checkRuntime(spec),
    ...checkTemplates(spec),
  ];
}

/** Parts of a spec that are kept and shown but not executed: one sentence each. */
export function notExecuted(spec: ServiceSpec): string[] {
  const notes: string[] = [];
  const { privileges, isolation } = spec.template.container;
  if (privileges?.['CredentialSpec']) notes.push(`${spec.name}: Privileges.CredentialSpec is stored but has no effect`);
  if (isolation && isolation !== 'default') notes.push(`${spec.name}: isolation ${isolation} has no effect on Linux`);
  const { name: driver = '', options = {} } = spec.template.logDriver ?? {};
  notes.push(...logDriverNotes(spec.name, driver, options), ...trafficNotes(spec), ...orderNotes(spec));
  return notes;
}

/** Two tasks cannot hold the same thing, so the new one cannot start first. */
function orderNotes({ name, update, rollback, endpoint, template }: ServiceSpec): string[] {
  if (update?.order !== 'start-first' && rollback?.order !== 'start-first') return [];
  const because = endpoint?.ports.some((port) => port.publishMode === 'host')
    ? 'a port of mode host is held once on a node'
    : template.networks.some(({ addresses = [] }) => addresses.length > 0)
      ? 'an address of its own is held by one task'
      : undefined;
  return because === undefined ? [] : [`${name}: order start-first has no effect: ${because}, so the old task stops first`];
}

/** What a node will refuse is told at once. */
function logDriverNotes(service: string, driver: string, options: LogOptionMap): string[] {
  try {
    if (driver) parseLogDriver(driver, options);
    return [];
  } catch (error) {
    if (isRefused(error)) return [`${service}: its tasks will be rejected: ${error.message}`];
    throw error;
  }
}

function checkServiceName(name: string): Problem[] {
  if (!isDnsName(name)) return [{ code: 'invalid', message: 'name must be valid as a DNS name component' }];
  if (name.length > 63) return [{ code: 'invalid', message: 'name must be 63 characters or fewer' }];
  return [];
}

function checkContainer(container: ContainerSpec): Problem[] {
  const problems: Problem[] = [];
  if (container.image === '') problems.push({ code: 'invalid', message: 'ContainerSpec: image reference must be provided' });
  else if (!isImageReference(container.image)) {
    problems.push({ code: 'invalid', message: `ContainerSpec: "${container.image}" is not a valid repository/tag` });
  }
  const targets = new Set<string>();
  for (const mount of container.mounts) {
    problems.push(...checkMount(mount));
    if (targets.has(mount.target)) problems.push({ code: 'invalid', message: `ContainerSpec: duplicate mount point: ${mount.target}` });
    targets.add(mount.target);
  }
  problems.push(...checkFileTargets('secret', container.secrets), ...checkFileTargets('config', container.configs));
  const { healthcheck } = container;
  if (healthcheck) {
    const limits: [string, number | undefined][] = [['Interval', healthcheck.intervalNs], ['Timeout', healthcheck.timeoutNs], ['StartPeriod', healthcheck.startPeriodNs]];
    for (const [name, value] of limits) {
      if (value !== undefined && value !== 0 && value < 1e6) problems.push({ code: 'invalid', message: `ContainerSpec: ${name} in HealthConfig cannot be less than 1ms` });
    }
    if ((healthcheck.retries ?? 0) < 0) problems.push({ code: 'invalid', message: 'ContainerSpec: Retries in HealthConfig cannot be negative' });
  }
  return problems;
}

/** Docker's grammar: `[host[:port]/]path[:tag][@digest]`, path in lower case. */
export function isImageReference(text: string): boolean {
  const host = '(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?/)?';
  const part = '[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*';
  const pattern = `^${host}${part}(?:/${part})*(?::[\\w][\\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$`;
  return new RegExp(pattern).test(text);
}

function checkMount(mount: Mount): Problem[] {
  const where = `mount ${mount.target || '?'}`;
  if (mount.type === 'npipe' || mount.type === 'cluster' || mount.type === 'image') {
    return [{ code: 'unsupported', message: `${where}: type ${mount.type} is not available; use volume, bind or tmpfs` }];
  }
  const problems: Problem[] = [];
  if (!mount.target.startsWith('/')) {
    problems.push({ code: 'invalid', message: `invalid mount config for type "${mount.type}": invalid mount path: '${mount.target}' mount path must be absolute` });
  }
  if (mount.type === 'bind' && !mount.source.startsWith('/')) {
    problems.push({ code: 'invalid', message: `invalid mount config for type "bind": invalid mount path: '${mount.source}' mount path must be absolute` });
  }
  return problems;
}

function checkFileTargets(kind: 'secret' | 'config', references: ContainerSpec['secrets']): Problem[] {
  const owners = new Map<string, string>();
  const problems: Problem[] = [];
  for (const { name, file } of references) {
    if (!file) continue;
    const other = owners.get(file.name);
    if (other !== undefined) problems.push({ code: 'invalid', message: `${kind} references '${other}' and '${name}' have a conflicting target: '${file.name}'` });
    owners.set(file.name, name);
  }
  return problems;
}

function checkResources(spec: ServiceSpec): Problem[] {
  const problems: Problem[] = [];
  for (const amount of [spec.template.resources?.limits, spec.template.resources?.reservations]) {
    if (!amount) continue;
    const { memoryBytes, nanoCpus } = amount;
    if (memoryBytes && memoryBytes < smallestResources.memoryBytes) problems.push({ code: 'invalid', message: `invalid memory value ${memoryBytes}: Must be at least 4MiB` });
    if (nanoCpus && nanoCpus < smallestResources.nanoCpus) problems.push({ code: 'invalid', message: `invalid cpu value ${nanoCpus / 1e9}: Must be at least 0.001` });
  }
  const pids = spec.template.resources?.limits?.pids;
  if (pids !== undefined && pids < 0) problems.push({ code: 'invalid', message: `invalid pids limit ${pids}: it cannot be negative` });
  return problems;
}

function checkRestart(spec: ServiceSpec): Problem[] {
  const restart = spec.template.restart;
  if (!restart) return [];
  const problems: Problem[] = [];
  if (restart.condition !== undefined && !['none', 'on-failure', 'any'].includes(restart.condition)) {
    problems.push({ code: 'invalid', message: `invalid RestartCondition: "${restart.condition}"` });
  }
  if ((restart.delayNs ?? 0) < 0) problems.push({ code: 'invalid', message: 'TaskSpec: restart-delay cannot be negative' });
  if ((restart.windowNs ?? 0) < 0) problems.push({ code: 'invalid', message: 'TaskSpec: restart-window cannot be negative' });
  return problems;
}

function checkConstraints(constraints: string[]): Problem[] {
  return constraints.flatMap((text): Problem[] => {
    try {
      parseConstraint(text);
      return [];
    } catch (error) {
      if (!isRefused(error)) throw error;
      return [{ code: error.code, message: error.message }];
    }
  });
}

function checkMode({ mode, template }: ServiceSpec): Problem[] {
  const counts = mode.kind === 'replicated' ? [mode.replicas] : mode.kind === 'replicated-job' ? [mode.maxConcurrent, mode.totalCompletions] : [];
  const problems: Problem[] = counts.some((count) => count !== undefined && (count < 0 || !Number.isSafeInteger(count)))
    ? [{ code: 'invalid', message: 'invalid number of replicas: it must be a whole number from 0' }]
    : [];
  if (mode.kind.endsWith('job') && template.restart?.condition === 'any') {
    problems.push({ code: 'invalid', message: 'jobs must not have restart condition "any"; use none or on-failure' });
  }
  return problems;
}

function checkUpdateConfig(which: 'update' | 'rollback', config: UpdateConfig | undefined): Problem[] {
  if (!config) return [];
  const problems: Problem[] = [];
  const actions = which === 'update' ? ['pause', 'continue', 'rollback'] : ['pause', 'continue'];
  if (config.failureAction !== undefined && !actions.includes(config.failureAction)) {
    problems.push({ code: 'invalid', message: `unrecognized ${which} failure action ${config.failureAction}` });
  }
  if (config.order !== undefined && !['stop-first', 'start-first'].includes(config.order)) {
    problems.push({ code: 'invalid', message: `unrecognized ${which} order ${config.order}` });
  }
  if (config.parallelism < 0) problems.push({ code: 'invalid', message: `TaskSpec: ${which}-parallelism cannot be negative` });
  if ((config.delayNs ?? 0) < 0) problems.push({ code: 'invalid', message: `TaskSpec: ${which}-delay cannot be negative` });
  if ((config.monitorNs ?? 0) < 0) problems.push({ code: 'invalid', message: `TaskSpec: ${which}-monitor cannot be negative` });
  const ratio = config.maxFailureRatio ?? 0;
  if (ratio < 0 || ratio > 1) problems.push({ code: 'invalid', message: `TaskSpec: ${which}-maxfailureratio cannot be less than 0 or bigger than 1` });
  return problems;
}

function checkEndpoint(endpoint: EndpointSpec | undefined): Problem[] {
  if (!endpoint) return [];
  const problems: Problem[] = [];
  if (endpoint.mode !== undefined && !['vip', 'dnsrr'].includes(endpoint.mode)) {
    problems.push({ code: 'invalid', message: `invalid EndpointSpec.Mode: "${String(endpoint.mode)}"` });
  }
  for (const [index, port] of endpoint.ports.entries()) {
    problems.push(...checkPort(port));
    const twin = endpoint.ports.slice(0, index).find((other) => samePublishedPort(other, port));
    if (twin) problems.push({ code: 'invalid', message: `EndpointSpec: duplicate published ports provided: ${port.publishedPort}/${port.protocol ?? 'tcp'}` });
  }
  return problems;
}

function checkPort(port: PortConfig): Problem[] {
  const problems: Problem[] = [];
  const isPort = (value: number, lowest: number) => Number.isInteger(value) && value >= lowest && value <= 65535;
  if (!isPort(port.targetPort, 1)) problems.push({ code: 'invalid', message: `EndpointSpec: invalid target port ${port.targetPort}` });
  if (!isPort(port.publishedPort ?? 0, 0)) problems.push({ code: 'invalid', message: `EndpointSpec: invalid published port ${port.publishedPort}` });
  if (port.protocol !== undefined && !['tcp', 'udp', 'sctp'].includes(port.protocol)) {
    problems.push({ code: 'invalid', message: `invalid protocol value: "${String(port.protocol)}"` });
  }
  if (port.publishMode !== undefined && !['ingress', 'host'].includes(port.publishMode)) {
    problems.push({ code: 'invalid', message: `invalid PortConfig.PublishMode: "${String(port.publishMode)}"` });
  }
  return problems;
}

function samePublishedPort(a: PortConfig, b: PortConfig): boolean {
  return Boolean(a.publishedPort) && a.publishedPort === b.publishedPort && (a.protocol ?? 'tcp') === (b.protocol ?? 'tcp');
}

function checkRuntime(spec: ServiceSpec): Problem[] {
  const { runtime } = spec.template;
  if (runtime === undefined || runtime === '' || runtime === 'container') return [];
  return [{ code: 'unsupported', message: `runtime ${runtime} is not available: services run containers` }];
}
