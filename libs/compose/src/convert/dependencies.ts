import type { Dependency } from '../../../model/src/index.js';
import { dependencyCycle } from '../../../model/src/index.js';
import type { Service } from '../compose-config.js';
import type { ComposeDependency } from '../fields/dependencies.js';
import { isShort } from '../fields/dependencies.js';
import { didYouMean } from '../problems.js';
import type { Scope } from './scope.js';
import { note, positionOf, problem, scoped, servicePath } from './scope.js';

/** Names of the cluster; each service once. What is named in the short form only, and is nowhere declared, is left out, as Docker does. */
export function convertDependencies(scope: Scope, name: string, { depends_on: given = [] }: Service): Dependency[] | undefined {
  const dependencies = new Map<string, Dependency>();
  for (const [index, dependency] of given.entries()) {
    const path = placeOf(scope, name, dependency, index);
    const other = scope.config.services.get(dependency.service);
    if (!other) {
      tellMissing(scope, path, dependency);
      continue;
    }
    const condition = (dependency.condition ?? 'service_started') as Dependency['condition'];
    if (condition === 'service_healthy' && other.healthcheck?.disable) problem(scope, path, `"${dependency.service}" has its health check disabled`, 'wait for service_started');
    if (condition === 'service_completed_successfully' && runsForEver(other)) {
      problem(scope, path, `"${dependency.service}" is started again whenever it ends, so that it is never complete`, `give it "restart: on-failure", or deploy.mode: replicated-job`);
    }
    if (dependency.restart) note(scope, 'not-executed', path, '"restart: true" has no effect yet: the service is not restarted with what it depends on');
    dependencies.set(dependency.service, {
      service: scoped(scope, dependency.service),
      condition,
      ...(dependency.required === false ? { optional: true } : {}),
      ...(dependency.restart ? { restart: true } : {}),
    });
  }
  return dependencies.size > 0 ? [...dependencies.values()] : undefined;
}

function placeOf(scope: Scope, name: string, { service }: ComposeDependency, index: number): string {
  const path = servicePath(name, 'depends_on');
  return scope.config.positions.has(`${path}.${service}`) ? `${path}.${service}` : `${path}[${index}]`;
}

function tellMissing(scope: Scope, path: string, dependency: ComposeDependency): void {
  const { service, required } = dependency;
  if (required === false) return;
  const message = `the service "${service}" is not declared`;
  const near = didYouMean(service, scope.config.services.keys());
  if (scope.config.inactive.has(service)) problem(scope, path, `the service "${service}" is in no active profile`, `choose one with --profile ${[...scope.config.inactive.get(service)!].join(' or ')}, or write "required: false"`);
  else if (isShort(dependency)) note(scope, 'ignored', path, `${message}${near === undefined ? '' : ` (${near})`}`);
  else problem(scope, path, message, near ?? 'write "required: false" if it may be missing');
}

/** What says nothing about restarts, and is waited for to complete, runs once: see `convertRestart`. */
function runsForEver({ deploy, restart }: Service): boolean {
  if (deploy?.mode?.endsWith('-job')) return false;
  if (deploy?.restart_policy) return (deploy.restart_policy.condition ?? 'any') === 'any';
  return restart === 'always' || restart === 'unless-stopped';
}

/** Somebody waits for it to complete, and it says nothing about restarts, or that there are none (which a swarm does not hear otherwise). */
export function runsOnce(scope: Scope, name: string): boolean {
  const { deploy, restart = 'no' } = scope.config.services.get(name) as Service;
  if (deploy?.restart_policy || deploy?.mode?.endsWith('-job') || restart !== 'no') return false;
  return [...scope.config.services.values()].some(({ depends_on: dependencies = [] }) =>
    dependencies.some(({ service, condition }) => service === name && condition === 'service_completed_successfully'),
  );
}

export function rejectCycles(scope: Scope): void {
  const edges = new Map([...scope.config.services].map(([name, { depends_on: dependencies = [] }]) => [name, dependencies.map(({ service }) => service)]));
  const cycle = dependencyCycle(edges);
  if (!cycle) return;
  const path = servicePath(cycle[0]!, 'depends_on');
  scope.findings.problem(positionOf(scope, path), path, `these services wait for each other, so that none can start: ${cycle.join(' → ')}`, 'leave one of them out');
}
