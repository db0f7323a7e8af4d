import { sameJson } from '../../base/src/index.js';
import {
  checkPortsAgainst,
  checkServiceSpec,
  createServiceChanges,
  normalServiceSpec,
  portOwner,
  registryOf,
  resolveReferences,
  sealLogin,
  stackImageLabel,
  stackLabel,
  updateServiceChanges,
  type Change,
  type ClusterView,
  type Problem,
  type ReferenceSource,
  type Service,
  type ServiceSpec,
  type StackSpec,
} from '../../model/src/index.js';
import { describeServiceChange } from './describe-change.js';
import type { StackChange, StackPlanOptions, StackProblem } from './stack-plan.js';

export function planServices(view: ClusterView, stack: StackSpec, options: StackPlanOptions & { references: ReferenceSource; removed: Change[] }, problems: StackProblem[]) {
  const changes: StackChange[] = [];
  const writes: Change[] = [];
  const ids: string[] = [];
  const after: ServiceSpec[] = [];
  const removedIds = new Set(options.removed.flatMap((change) => (change.action === 'remove' ? [change.id] : [])));
  const wantedNames = new Set(stack.services.map((service) => service.name));
  const strangers = [...view.all('service')].filter((service) => !wantedNames.has(service.spec.name) && !removedIds.has(service.id)).map(portOwner);
  for (const [index, given] of stack.services.entries()) {
    const existing = view.named('service', given.name);
    const { spec, problems: unresolved } = resolveReferences(normalServiceSpec(keepWhatTheFileLeavesOpen(given, existing)), options.references);
    const siblings = stack.services.slice(0, index).map((sibling) => ({ id: 'in the same file', name: sibling.name, ports: sibling.endpoint?.ports ?? [] }));
    const found = [...checkServiceSpec(spec), ...unresolved, ...checkPortsAgainst(spec, [...strangers, ...siblings]), ...checkSuccession(stack.name, spec, existing)];
    problems.push(...found.map((problem) => ({ ...problem, subject: { kind: 'service' as const, name: given.name } })));
    const id = existing?.id ?? options.random.id();
    const sealedLogins = loginsFor(spec, existing, options);
    const own = existing ? updateServiceChanges(view, existing, spec, { expect: existing.version, sealedLogins }) : createServiceChanges(id, spec, { sealedLogins });
    ids.push(id);
    after.push(spec, ...(existing ? [sameJson(existing.spec, spec) ? (existing.previousSpec ?? existing.spec) : existing.spec] : []));
    writes.push(...own);
    changes.push(serviceChange(view, spec, existing, own, options.references));
  }
  return { changes, writes, ids, after };
}

function loginsFor({ template }: ServiceSpec, existing: Service | undefined, { logins, contents }: StackPlanOptions): string | undefined {
  const registry = registryOf(template.container.image);
  const credentials = logins?.get(registry);
  return credentials && sealLogin(registry, credentials, contents, existing?.sealedLogins);
}

/** What the file does not say stays as it is: the count that somebody scaled to, the forced updates, the pinned digest. */
function keepWhatTheFileLeavesOpen(given: ServiceSpec, existing: Service | undefined): ServiceSpec {
  if (!existing) return given;
  const before = existing.spec;
  const mode = given.mode.kind === 'replicated' && given.mode.replicas === undefined && before.mode.kind === 'replicated' ? before.mode : given.mode;
  const { image } = given.template.container;
  const pinned = before.labels[stackImageLabel] === given.labels[stackImageLabel] && before.template.container.image.startsWith(`${image}@`);
  return {
    ...given,
    mode,
    template: {
      ...given.template,
      forceUpdate: before.template.forceUpdate,
      container: pinned ? { ...given.template.container, image: before.template.container.image } : given.template.container,
    },
  };
}

function checkSuccession(stack: string, spec: ServiceSpec, existing: Service | undefined): Problem[] {
  if (!existing) return [];
  if (existing.spec.labels[stackLabel] !== stack) return [{ code: 'already-exists', message: `a service of this name exists and does not belong to stack ${stack}` }];
  if (existing.spec.mode.kind === spec.mode.kind) return [];
  return [{ code: 'unsupported', message: `service mode change is not allowed (${existing.spec.mode.kind} → ${spec.mode.kind}): remove the service first` }];
}

function serviceChange(view: ClusterView, spec: ServiceSpec, existing: Service | undefined, writes: Change[], references: ReferenceSource): StackChange {
  const name = spec.name;
  if (!existing) return { action: 'create', kind: 'service', name };
  if (writes.length === 0) return { action: 'unchanged', kind: 'service', name };
  if (sameJson(existing.spec, spec)) return { action: 'update', kind: 'service', name, detail: 'registry login; no task restarts' };
  return { action: 'update', kind: 'service', name, ...describeServiceChange(view, existing, serviceIn(writes, existing), (target) => references.network(target)?.spec.name ?? target) };
}

/** The service as these writes leave it. */
function serviceIn(writes: Change[], existing: Service): Pick<Service, 'spec' | 'templateVersion'> {
  return writes.flatMap((change) => (change.action === 'update' && change.kind === 'service' ? [change.object] : [])).at(-1) ?? existing;
}
