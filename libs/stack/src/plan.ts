import { sameJson } from '../../base/src/index.js';
import {
  checkNetworkSpec,
  checkSecretSpec,
  notExecuted,
  stackLabel,
  viewReferences,
  type Change,
  type ClusterView,
  type Network,
  type NetworkSpec,
  type ReferenceSource,
  type StackSpec,
} from '../../model/src/index.js';
import { changedFields } from './field-changes.js';
import { fileVersion, foreignOwner, type FileVersion } from './file-versions.js';
import { planServices } from './plan-services.js';
import { dropStaleVersions, leftoversOf, planPrune } from './prune.js';
import { recordDeploy, revisionsOf } from './revisions.js';
import { factsOf } from './service-facts.js';
import type { StackChange, StackNote, StackPlan, StackPlanOptions, StackProblem } from './stack-plan.js';

/**
 * From the view and what the files come to, what has to be written: pure, so that it can be shown before it happens.
 * Level-triggered: planning again on the outcome gives no writes.
 */
export function planStack(view: ClusterView, spec: StackSpec, options: StackPlanOptions): StackPlan {
  const problems: StackProblem[] = checkExternals(view, spec);
  const networks = planNetworks(view, spec, options, problems);
  const files = planFiles(view, spec, options, problems);
  const isOtherContent = noteOtherContents(view, spec.name, files);
  const references = stackReferences(view, spec, networks.created, files);
  const leftovers = leftoversOf(view, spec);
  const pruned = options.prune ? planPrune(view, spec.services, leftovers) : { changes: [], writes: [], isLater: false };
  const services = planServices(view, spec, { ...options, references, removed: pruned.writes }, problems);
  const writes = [...networks.writes, ...files.flatMap((file) => file.writes), ...services.writes, ...pruned.writes];
  if (writes.length > 0) writes.push(...dropStaleVersions(view, spec.name, files, services.after));
  const isPrunedAnew = pruned.isLater && !view.get('stack', spec.name)?.prune;
  const record = recordDeploy(view, spec, files, writes.length > 0 || isPrunedAnew || isOtherContent, { ...options, prune: pruned.isLater });
  return {
    problems,
    changes: [...networks.changes, ...files.map((file) => file.change), ...services.changes, ...pruned.changes],
    writes: [...writes, ...record.writes],
    notes: [...networks.notes, ...spec.services.flatMap((service) => notExecuted(service).map((message) => ({ message, subject: { kind: 'service' as const, name: service.name } }))), ...stoppedNotes(view, spec)],
    orphans: options.prune ? [] : leftovers.map(({ kind, name }) => ({ kind, name })),
    serviceIds: services.ids,
    revision: record.revision,
  };
}

/** A deploy does not start what somebody has stopped; another number of replicas does. */
function stoppedNotes(view: ClusterView, { services }: StackSpec): StackNote[] {
  const stopped = services.filter(({ name, mode }) => {
    const existing = view.named('service', name);
    const replicas = mode.kind === 'replicated' ? mode.replicas : undefined;
    return existing?.orders?.stopped && (replicas === undefined || (existing.spec.mode.kind === 'replicated' && existing.spec.mode.replicas === replicas));
  });
  return stopped.map(({ name }) => ({ message: `is stopped, and stays so: shoal service start ${name} starts it`, subject: { kind: 'service', name } }));
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
      const hasSameLabels = sameJson(existing.spec.labels, wanted.labels);
      if (!hasSameLabels) writes.push({ action: 'update', kind: 'network', object: { ...existing, spec: { ...existing.spec, labels: wanted.labels } }, expect: existing.version });
      changes.push(hasSameLabels ? { action: 'unchanged', ...subject } : { action: 'update', ...subject, detail: 'labels; no task restarts', fields: changedFields(factsOf('labels', existing.spec.labels, false), factsOf('labels', wanted.labels, false)) });
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

/** A content that is there already, since an earlier revision had it: nothing has to be written, and still the stack has another one than before. */
function noteOtherContents(view: ClusterView, stack: string, files: FileVersion[]): boolean {
  const recorded = revisionsOf(view, stack).at(-1)?.spec;
  const others = files.filter(({ change, baseName, id }) => {
    const before = recorded?.[`${change.kind as 'secret' | 'config'}s`].find(({ name }) => name === baseName);
    return change.action === 'unchanged' && before !== undefined && before.objectId !== id;
  });
  for (const file of others) file.change = { ...file.change, action: 'update', detail: `an earlier content, kept as ${file.name}` };
  return others.length > 0;
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
  const network = (key: string) => networks.find(({ id, spec }) => spec.name === key || id === key) ?? stored.network(key);
  return {
    network: (key) => network(key) ?? (external.networks.includes(key) ? { id: key, spec: { name: key, labels: {}, driver: 'overlay', driverOpts: {}, internal: false, attachable: false, ingress: false, ipv6: false } } : undefined),
    secret: (key) => file('secret', key),
    config: (key) => file('config', key),
  };
}
