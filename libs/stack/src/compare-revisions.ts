import { sameJson } from '../../base/src/index.js';
import type { FileReference, NetworkSpec, RecordedFile, RecordedStack, ServiceSpec } from '../../model/src/index.js';
import { serviceFields } from './describe-change.js';
import { changedFields, type FieldChange } from './field-changes.js';
import { factsOf } from './service-facts.js';
import type { StackChange } from './stack-plan.js';

/** What is different about a stack from one revision to another, object by object: what is the same is not mentioned. */
export function compareRevisions(before: RecordedStack, after: RecordedStack): StackChange[] {
  return [
    ...compare('network', before.networks, after.networks, networkFields),
    ...compare('secret', before.secrets, after.secrets, fileFields),
    ...compare('config', before.configs, after.configs, fileFields),
    ...compare('service', before.services, after.services, (old, fresh) => serviceFields(withObjectNames(old, before), withObjectNames(fresh, after), (target) => target)),
  ];
}

function compare<T extends { name: string }>(kind: StackChange['kind'], before: T[], after: T[], fieldsOf: (old: T, fresh: T) => FieldChange[]): StackChange[] {
  const changed = after.flatMap((fresh): StackChange[] => {
    const old = before.find(({ name }) => name === fresh.name);
    if (!old) return [{ action: 'create', kind, name: fresh.name }];
    const fields = fieldsOf(old, fresh);
    return fields.length === 0 ? [] : [{ action: 'update', kind, name: fresh.name, fields }];
  });
  const gone = before.filter((old) => !after.some(({ name }) => name === old.name));
  return [...changed, ...gone.map(({ name }): StackChange => ({ action: 'remove', kind, name }))];
}

function networkFields(old: NetworkSpec, fresh: NetworkSpec): FieldChange[] {
  return sameJson(old, fresh) ? [] : changedFields(factsOf('', old, false), factsOf('', fresh, false));
}

/** Contents are told by the objects that hold them. */
function fileFields(old: RecordedFile, fresh: RecordedFile): FieldChange[] {
  const content: FieldChange[] = old.objectId === fresh.objectId ? [] : [{ field: 'content', before: old.objectName, after: fresh.objectName, restarts: true }];
  return [...content, ...changedFields(factsOf('labels', old.labels, false), factsOf('labels', fresh.labels, false))];
}

/** A service refers to a file by its name in the stack: another content is another object, and a change of its users. */
function withObjectNames(service: ServiceSpec, { secrets, configs }: RecordedStack): ServiceSpec {
  const named = (references: FileReference[], files: RecordedFile[]) =>
    references.map((reference) => ({ ...reference, name: files.find(({ name }) => name === reference.name)?.objectName ?? reference.name }));
  const { container } = service.template;
  return { ...service, template: { ...service.template, container: { ...container, secrets: named(container.secrets, secrets), configs: named(container.configs, configs) } } };
}
