import { stackLabel, type Change, type ClusterView, type SecretSpec, type ServiceSpec, type StackSpec } from '../../model/src/index.js';
import { versionOfLabel, versionsOf, type FileVersion } from './file-versions.js';
import type { StackInventory } from './inventory.js';
import { recordedFileIds } from './revisions.js';
import type { StackChange } from './stack-plan.js';

/** What belongs to the stack and is not in the file any more, but for what services still refer to. */
export function planPrune(view: ClusterView, spec: StackSpec, own: StackInventory, files: FileVersion[]) {
  const wanted = new Set(spec.services.map((service) => service.name));
  const services = own.services.filter((service) => !wanted.has(service.spec.name));
  const gone = new Set(services.map((service) => service.id));
  const used = referencedBy([...view.all('service')].filter((service) => !gone.has(service.id)).flatMap((service) => [service.spec, ...(service.previousSpec ? [service.previousSpec] : [])]));
  for (const target of spec.services.flatMap((service) => service.template.networks)) used.add(target.target);
  const networks = own.networks.filter((network) => !spec.networks.some(({ name }) => name === network.spec.name) && !used.has(network.id) && !used.has(network.spec.name));
  // Whatever its content: which versions of a wanted file may go is for dropStaleVersions to say.
  const isWantedFile = (kind: 'secret' | 'config', { name, labels }: SecretSpec) => files.some((file) => file.change.kind === kind && file.baseName === (labels[versionOfLabel] ?? name));
  const secrets = own.secrets.filter((secret) => !isWantedFile('secret', secret.spec) && !used.has(secret.id));
  const configs = own.configs.filter((config) => !isWantedFile('config', config.spec) && !used.has(config.id));
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

/** Superseded versions of files that neither a service nor the stack could go back to. Only beside other writes: tidying up alone is no deploy. */
export function dropStaleVersions(view: ClusterView, spec: StackSpec, files: FileVersion[], after: ServiceSpec[]): Change[] {
  const used = new Set([...referencedBy(after), ...recordedFileIds(view, spec.name)]);
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
