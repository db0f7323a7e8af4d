import { checkPortsAgainst, portOwner, type Change, type ClusterView, type Labels, type SecretSpec, type Service, type ServiceSpec, stackRevisionId } from '../../model/src/index.js';
import { hasConverged } from './converged.js';
import { versionOfLabel, versionsOf, type FileVersion } from './file-versions.js';
import { inventoryOf } from './inventory.js';
import { forgottenFileIds, recordedFileIds } from './revisions.js';
import type { StackChange } from './stack-plan.js';

/** The names that a stack is to have. */
export interface StackNames {
  name: string;
  services: { name: string; template: { networks: { target: string }[] } }[];
  networks: { name: string }[];
  secrets: { name: string }[];
  configs: { name: string }[];
}

/** What belongs to a stack and is not in its file any more. */
export interface Leftover {
  kind: 'service' | 'network' | 'secret' | 'config';
  id: string;
  name: string;
}

/** But for what services still refer to, and for contents that a kept revision would need. */
export function leftoversOf(view: ClusterView, spec: StackNames): Leftover[] {
  const own = inventoryOf(view, spec.name);
  const wanted = new Set(spec.services.map((service) => service.name));
  const services = own.services.filter((service) => !wanted.has(service.spec.name));
  const gone = new Set(services.map((service) => service.id));
  const used = referencedBy([...view.all('service')].filter((service) => !gone.has(service.id)).flatMap((service) => [service.spec, ...(service.previousSpec ? [service.previousSpec] : [])]));
  for (const target of spec.services.flatMap((service) => service.template.networks)) used.add(target.target);
  for (const id of recordedFileIds(view, spec.name)) used.add(id);
  const networks = own.networks.filter((network) => !spec.networks.some(({ name }) => name === network.spec.name) && !used.has(network.id) && !used.has(network.spec.name));
  // Whatever its content: which versions of a wanted file may go is for dropStaleVersions to say.
  const isWantedFile = (files: { name: string }[], { name, labels }: SecretSpec) => files.some((file) => file.name === (labels[versionOfLabel] ?? name));
  const secrets = own.secrets.filter((secret) => !isWantedFile(spec.secrets, secret.spec) && !used.has(secret.id));
  const configs = own.configs.filter((config) => !isWantedFile(spec.configs, config.spec) && !used.has(config.id));
  return [...named('service', services), ...named('network', networks), ...named('secret', secrets), ...named('config', configs)];
}

function named(kind: Leftover['kind'], objects: { id: string; spec: { name: string; labels: Labels } }[]): Leftover[] {
  return objects.map(({ id, spec }) => ({ kind, id, name: spec.name }));
}

export interface PrunePlan {
  changes: StackChange[];
  /** Of what stands in the way: it goes together with what comes. */
  writes: Change[];
  /** The rest goes when the new state has converged. */
  isLater: boolean;
}

/** A service goes at once when the stack needs its published port; everything else last, so that a typo cuts nothing. */
export function planPrune(view: ClusterView, services: ServiceSpec[], leftovers: Leftover[]): PrunePlan {
  const heir = (service: Service | undefined) => service && services.find((spec) => checkPortsAgainst(spec, [portOwner(service)]).length > 0);
  const planned = leftovers.map((leftover) => ({ leftover, heir: leftover.kind === 'service' ? heir(view.get('service', leftover.id)) : undefined }));
  return {
    changes: planned.map(({ leftover: { kind, name }, heir }): StackChange => ({
      action: 'remove',
      kind,
      name,
      detail: heir ? `not in the file any more; at once, for ${heir.name} takes its port` : 'not in the file any more; last, when the rest has converged',
    })),
    writes: planned.flatMap(({ leftover, heir }) => (heir ? [removalOf(leftover)] : [])),
    isLater: planned.some(({ heir }) => !heir),
  };
}

function removalOf({ kind, id }: Leftover): Change {
  return { action: 'remove', kind, id };
}

/** The end of a deploy that prunes: what its stack no longer has goes, once all that it has runs. Deploying anew, or going back, takes its place. */
export function pruneConverged(view: ClusterView): { changes: Change[]; sentences: string[] } {
  const changes: Change[] = [];
  const sentences: string[] = [];
  for (const stack of view.all('stack')) {
    if (!stack.prune) continue;
    const spec = view.get('stack-revision', stackRevisionId(stack.id, stack.revision))?.spec;
    if (!spec?.services.every(({ name }) => isThere(view, name))) continue;
    const leftovers = leftoversOf(view, spec);
    const { prune: _done, ...record } = stack;
    changes.push({ action: 'update', kind: 'stack', object: record, expect: stack.version }, ...leftovers.map(removalOf));
    sentences.push(...leftovers.map(({ kind, name }) => `remove ${kind} ${name}: stack ${stack.id} does not have it any more`));
  }
  return { changes, sentences };
}

function isThere(view: ClusterView, name: string): boolean {
  const service = view.named('service', name);
  return service !== undefined && hasConverged(view, service);
}

/** Contents of the stack that neither a service nor the stack could go back to. Only beside other writes: tidying up alone is no deploy. */
export function dropStaleVersions(view: ClusterView, stack: string, files: FileVersion[], after: ServiceSpec[]): Change[] {
  const used = new Set([...referencedBy(after), ...recordedFileIds(view, stack), ...files.map(({ id }) => id)]);
  for (const service of view.all('service')) {
    if (!after.some(({ name }) => name === service.spec.name)) for (const id of referencedBy([service.spec])) used.add(id);
    for (const task of view.tasksOfService(service.id)) {
      const template = view.templateOf(task);
      if (template) for (const { id } of [...template.container.secrets, ...template.container.configs]) used.add(id);
    }
  }
  const forgotten = forgottenFileIds(view, stack);
  const own = inventoryOf(view, stack);
  const superseded = (kind: 'secret' | 'config') => [
    ...files.filter((file) => file.change.kind === kind).flatMap((file) => versionsOf(view, kind, file.baseName)),
    ...own[`${kind}s`].filter(({ id }) => forgotten.has(id)),
  ];
  return (['secret', 'config'] as const).flatMap((kind) => {
    const stale = new Set(superseded(kind).map(({ id }) => id).filter((id) => !used.has(id)));
    return [...stale].map((id): Change => ({ action: 'remove', kind, id }));
  });
}

/** Ids of everything that services refer to. */
function referencedBy(specs: ServiceSpec[]): Set<string> {
  return new Set(
    specs.flatMap(({ template }) => [...template.networks.map((network) => network.target), ...[...template.container.secrets, ...template.container.configs].map((reference) => reference.id)]),
  );
}
