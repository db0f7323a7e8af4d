import { sameJson, type Random } from '../../base/src/index.js';
import {
  checkNetworkSpec,
  checkPortsAgainst,
  checkSecretSpec,
  checkServiceSpec,
  createServiceChanges,
  normalServiceSpec,
  notExecuted,
  portOwner,
  resolveReferences,
  updateServiceChanges,
  viewReferences,
  type Change,
  type ClusterView,
  type Network,
  type NetworkSpec,
  type Problem,
  type ReferenceSource,
  type Service,
  type ServiceSpec,
  type StackSpec,
} from '../../model/src/index.js';
import { describeServiceChange } from './describe-change.js';
import { fileVersion, foreignOwner, versionsOf, type Contents, type FileVersion } from './file-versions.js';
import { inventoryOf, stackImageLabel, stackLabel, type StackInventory } from './inventory.js';

/** One object of the stack and what becomes of it, for people. */
export interface StackChange {
  action: 'create' | 'update' | 'unchanged' | 'remove';
  kind: 'network' | 'secret' | 'config' | 'service';
  /** As the stack calls it. */
  name: string;
  /** What is different, and what that does to tasks: `replicas 5 → 8; no task restarts`. */
  detail?: string;
}

/** The object of the file that a problem or note is about. */
export interface StackSubject {
  kind: 'network' | 'secret' | 'config' | 'service';
  name: string;
}

export type StackProblem = Problem & { subject: StackSubject };
export interface StackNote {
  message: string;
  subject: StackSubject;
}

export interface StackPlan {
  /** Nothing may be written while there are any. All of them, at once. */
  problems: StackProblem[];
  changes: StackChange[];
  /** One commit; empty when the cluster is as the file says. */
  writes: Change[];
  notes: StackNote[];
  serviceIds: string[];
  /** Of the stack after the writes. */
  revision: number;
}

export interface StackPlanOptions {
  /** Remove what belongs to the stack and is not in the file. */
  prune: boolean;
  random: Random;
  contents: Contents;
}

/**
 * From the view and what the files come to, what has to be written: pure, so that it can be shown before it happens.
 * Level-triggered: planning again on the outcome gives no writes.
 */
export function planStack(view: ClusterView, spec: StackSpec, options: StackPlanOptions): StackPlan {
  const own = inventoryOf(view, spec.name);
  const problems: StackProblem[] = checkExternals(view, spec);
  const networks = planNetworks(view, spec, options, problems);
  const files = planFiles(view, spec, options, problems);
  const references = stackReferences(view, spec, networks.created, files);
  const pruned = options.prune ? planPrune(view, spec, own, files) : { changes: [], writes: [] };
  const services = planServices(view, spec, { ...options, references, removed: pruned.writes }, problems);
  const writes = [...networks.writes, ...files.flatMap((file) => file.writes), ...services.writes, ...pruned.writes];
  if (writes.length > 0) writes.push(...dropStaleVersions(view, spec, files, services.after));
  const record = planRecord(view, spec, writes.length > 0);
  return {
    problems,
    changes: [...networks.changes, ...files.map((file) => file.change), ...services.changes, ...pruned.changes],
    writes: [...writes, ...record.writes],
    notes: [...networks.notes, ...spec.services.flatMap((service) => notExecuted(service).map((message) => ({ message, subject: { kind: 'service' as const, name: service.name } })))],
    serviceIds: services.ids,
    revision: record.revision,
  };
}

function checkExternals(view: ClusterView, { external }: StackSpec): StackProblem[] {
  const missing = (kind: 'network' | 'secret' | 'config', names: string[], how: string): StackProblem[] =>
    names
      .filter((name) => !view.named(kind, name))
      .map((name) => ({ code: 'not-found', subject: { kind, name }, message: `${kind} "${name}" is declared as external, but could not be found: create it first with: ${how} ${name}` }));
  return [
    ...missing('network', external.networks, 'docker network create --driver overlay'),
    ...missing('secret', external.secrets, 'docker secret create'),
    ...missing('config', external.configs, 'docker config create'),
  ];
}

function planNetworks(view: ClusterView, spec: StackSpec, { random }: StackPlanOptions, problems: StackProblem[]) {
  const changes: StackChange[] = [];
  const writes: Change[] = [];
  const notes: StackNote[] = [];
  const created: Pick<Network, 'id' | 'spec'>[] = [];
  for (const wanted of spec.networks) {
    const subject = { kind: 'network' as const, name: wanted.name };
    const existing = view.named('network', wanted.name);
    if (!existing) {
      problems.push(...checkNetworkSpec(wanted).map((problem) => ({ ...problem, subject })));
      const network = { id: random.id(), spec: wanted, createdAt: '', updatedAt: '' };
      created.push(network);
      writes.push({ action: 'create', kind: 'network', object: network });
      changes.push({ action: 'create', ...subject });
    } else if (existing.spec.labels[stackLabel] !== spec.name) {
      problems.push({ code: 'already-exists', subject, message: `network with name ${wanted.name} already exists and does not belong to stack ${spec.name}` });
    } else {
      changes.push({ action: 'unchanged', ...subject });
      if (!sameJson(networkFacts(existing.spec), networkFacts(wanted))) notes.push({ subject, message: 'differs from the network that exists: networks never change; remove the stack to have it made anew' });
    }
  }
  return { changes, writes, notes, created };
}

/** What a network's author can say, without the forms in which clients say nothing. */
function networkFacts({ driverOpts, internal, attachable, ipv6, ipam }: NetworkSpec) {
  return { driverOpts, internal, attachable, ipv6, subnets: ipam?.configs ?? [] };
}

function planFiles(view: ClusterView, spec: StackSpec, options: StackPlanOptions, problems: StackProblem[]): FileVersion[] {
  return (['secret', 'config'] as const).flatMap((kind) =>
    spec[`${kind}s`].flatMap((wanted) => {
      const foreign = foreignOwner(view.named(kind, wanted.name), spec.name);
      const subject = { kind, name: wanted.name };
      const found: StackProblem[] = checkSecretSpec(kind, wanted, Buffer.byteLength(wanted.data, 'base64')).map((problem) => ({ ...problem, subject }));
      if (foreign) found.push({ code: 'already-exists', subject, message: `${kind} ${wanted.name} already exists and belongs to ${foreign}` });
      problems.push(...found);
      return found.length > 0 ? [] : [fileVersion(kind, wanted, view, options)];
    }),
  );
}

/**
 * Names as this deploy will leave them: a versioned secret is found by the name in the file. An external one that is missing
 * has been told already, once; its users find a stand-in.
 */
function stackReferences(view: ClusterView, { external }: StackSpec, networks: Pick<Network, 'id' | 'spec'>[], files: FileVersion[]): ReferenceSource {
  const stored = viewReferences(view);
  const file = (kind: 'secret' | 'config', key: string) => {
    const version = files.find((candidate) => candidate.change.kind === kind && candidate.baseName === key);
    if (version) return { id: version.id, spec: { name: version.name, labels: {} } };
    return stored[kind](key) ?? (external[`${kind}s`].includes(key) ? { id: key, spec: { name: key, labels: {} } } : undefined);
  };
  const network = (key: string) => networks.find((candidate) => candidate.spec.name === key) ?? stored.network(key);
  return {
    network: (key) => network(key) ?? (external.networks.includes(key) ? { id: key, spec: { name: key, labels: {}, driver: 'overlay', driverOpts: {}, internal: false, attachable: false, ingress: false, ipv6: false } } : undefined),
    secret: (key) => file('secret', key),
    config: (key) => file('config', key),
  };
}

function planServices(view: ClusterView, stack: StackSpec, options: { random: Random; references: ReferenceSource; removed: Change[] }, problems: StackProblem[]) {
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
    const own = existing ? updateServiceChanges(view, existing, spec, { expect: existing.version }) : createServiceChanges(id, spec);
    ids.push(id);
    after.push(spec, ...(existing ? [own.length > 0 ? existing.spec : (existing.previousSpec ?? existing.spec)] : []));
    writes.push(...own);
    changes.push(serviceChange(view, spec, existing, own.length > 0));
  }
  return { changes, writes, ids, after };
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

function serviceChange(view: ClusterView, spec: ServiceSpec, existing: Service | undefined, changed: boolean): StackChange {
  const name = spec.name;
  if (!existing) return { action: 'create', kind: 'service', name };
  if (!changed) return { action: 'unchanged', kind: 'service', name };
  return { action: 'update', kind: 'service', name, detail: describeServiceChange(view, existing, spec) };
}

function planPrune(view: ClusterView, spec: StackSpec, own: StackInventory, files: FileVersion[]) {
  const wanted = new Set(spec.services.map((service) => service.name));
  const services = own.services.filter((service) => !wanted.has(service.spec.name));
  const gone = new Set(services.map((service) => service.id));
  const used = referencedBy([...view.all('service')].filter((service) => !gone.has(service.id)).flatMap((service) => [service.spec, ...(service.previousSpec ? [service.previousSpec] : [])]));
  for (const target of spec.services.flatMap((service) => service.template.networks)) used.add(target.target);
  const networks = own.networks.filter((network) => !spec.networks.some(({ name }) => name === network.spec.name) && !used.has(network.id) && !used.has(network.spec.name));
  const isWantedFile = (kind: 'secret' | 'config', id: string, name: string) => files.some((file) => file.change.kind === kind && (file.id === id || file.baseName === name));
  const secrets = own.secrets.filter(({ id, spec: { name } }) => !isWantedFile('secret', id, name) && !used.has(id));
  const configs = own.configs.filter(({ id, spec: { name } }) => !isWantedFile('config', id, name) && !used.has(id));
  const removals = [
    ...services.map((object) => ({ kind: 'service' as const, object })),
    ...networks.map((object) => ({ kind: 'network' as const, object })),
    ...secrets.map((object) => ({ kind: 'secret' as const, object })),
    ...configs.map((object) => ({ kind: 'config' as const, object })),
  ];
  return {
    changes: removals.map(({ kind, object }): StackChange => ({ action: 'remove', kind, name: object.spec.name, detail: 'not in the file any more' })),
    writes: removals.map(({ kind, object }): Change => ({ action: 'remove', kind, id: object.id })),
  };
}

/** Superseded versions of files that no service could go back to. Only beside other writes: tidying up alone is no deploy. */
function dropStaleVersions(view: ClusterView, spec: StackSpec, files: FileVersion[], after: ServiceSpec[]): Change[] {
  const used = referencedBy(after);
  for (const service of view.all('service')) {
    if (service.spec.labels[stackLabel] !== spec.name) for (const id of referencedBy([service.spec])) used.add(id);
    for (const task of view.tasksOfService(service.id)) {
      const template = view.templateOf(task);
      if (template) for (const { id } of [...template.container.secrets, ...template.container.configs]) used.add(id);
    }
  }
  return files.flatMap((file) => {
    const kind = file.change.kind as 'secret' | 'config';
    const stale = versionsOf(view, kind, file.baseName).filter((version) => version.id !== file.id && !used.has(version.id));
    return stale.map((version): Change => ({ action: 'remove', kind, id: version.id }));
  });
}

/** Ids of everything that services refer to. */
function referencedBy(specs: ServiceSpec[]): Set<string> {
  return new Set(
    specs.flatMap(({ template }) => [...template.networks.map((network) => network.target), ...[...template.container.secrets, ...template.container.configs].map((reference) => reference.id)]),
  );
}

/** The record of what was deployed, without contents: those lie in their own objects, secrets encrypted. */
function planRecord(view: ClusterView, spec: StackSpec, changed: boolean): { revision: number; writes: Change[] } {
  const record = view.get('stack', spec.name);
  if (record && !changed) return { revision: record.revision, writes: [] };
  const withoutData = <T extends { data: string }>(files: T[]): T[] => files.map((file) => ({ ...file, data: '' }));
  const stored: StackSpec = { ...spec, secrets: withoutData(spec.secrets), configs: withoutData(spec.configs) };
  if (record) return { revision: record.revision + 1, writes: [{ action: 'update', kind: 'stack', object: { ...record, revision: record.revision + 1, spec: stored }, expect: record.version }] };
  return { revision: 1, writes: [{ action: 'create', kind: 'stack', object: { id: spec.name, revision: 1, spec: stored, createdAt: '', updatedAt: '' } }] };
}
