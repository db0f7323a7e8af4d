import { stackRevisionId, type Change, type ClusterView, type RecordedFile, type RecordedStack, type SecretSpec, type Stack, type StackRevision, type StackSpec } from '../../model/src/index.js';
import { dataOf, type Contents, type FileVersion } from './file-versions.js';
import type { StackPlanOptions, StackProblem } from './stack-plan.js';

/** Older revisions of a stack are forgotten, and with them the contents that only they used. */
export const revisionsKept = 10;

/** The revisions of a stack that are still known, oldest first. */
export function revisionsOf(view: ClusterView, stack: string): StackRevision[] {
  const newest = view.get('stack', stack)?.revision ?? 0;
  const numbers = Array.from({ length: revisionsKept }, (_, index) => newest - revisionsKept + 1 + index);
  return numbers.flatMap((number) => view.get('stack-revision', stackRevisionId(stack, number)) ?? []);
}

/** The record of what was deployed: a new revision if anything changed, and the oldest one forgotten. `prune`: what it does not have is to go when it has converged. */
export function recordDeploy(view: ClusterView, spec: StackSpec, files: FileVersion[], changed: boolean, { prune, ...options }: Pick<StackPlanOptions, 'deployedBy' | 'rollbackTo' | 'prune'>): { revision: number; writes: Change[] } {
  const record = view.get('stack', spec.name);
  if (record && !changed) return { revision: record.revision, writes: [] };
  const revision = (record?.revision ?? 0) + 1;
  const { deployedBy = '', rollbackTo } = options;
  const entry = { id: stackRevisionId(spec.name, revision), stack: spec.name, revision, deployedBy, ...(rollbackTo === undefined ? {} : { rollbackTo }), spec: recordedSpec(spec, files), createdAt: '', updatedAt: '' };
  return {
    revision,
    writes: [
      record
        ? { action: 'update', kind: 'stack', object: { ...recordWithout(record), revision, ...(prune && { prune }) }, expect: record.version }
        : { action: 'create', kind: 'stack', object: { id: spec.name, revision, ...(prune && { prune }), createdAt: '', updatedAt: '' } },
      { action: 'create', kind: 'stack-revision', object: entry },
      ...forgotten(view, spec.name).map((old): Change => ({ action: 'remove', kind: 'stack-revision', id: old.id })),
    ],
  };
}

function recordWithout({ prune: _prune, ...record }: Stack): Stack {
  return record;
}

/** Ids of the secrets and configs of revisions that the next deploy pushes out. */
export function forgottenFileIds(view: ClusterView, stack: string): Set<string> {
  return new Set(forgotten(view, stack).flatMap(({ spec }) => [...spec.secrets, ...spec.configs].map((file) => file.objectId)));
}

/** Ids of the secrets and configs that a rollback could need after one more deploy. */
export function recordedFileIds(view: ClusterView, stack: string): Set<string> {
  const old = new Set(forgotten(view, stack));
  const kept = revisionsOf(view, stack).filter((revision) => !old.has(revision));
  return new Set(kept.flatMap(({ spec }) => [...spec.secrets, ...spec.configs].map((file) => file.objectId)));
}

/** Takes the record of a stack away, with its revisions. */
export function recordRemoval(view: ClusterView, stack: string): Change[] {
  if (!view.get('stack', stack)) return [];
  const revisions = revisionsOf(view, stack).map(({ id }): Change => ({ action: 'remove', kind: 'stack-revision', id }));
  return [{ action: 'remove', kind: 'stack', id: stack }, ...revisions];
}

/** What was deployed then, its contents found again; or which of them are gone. */
export function restoredSpec(view: ClusterView, { revision, spec }: StackRevision, contents: Contents): { spec: StackSpec; problems: StackProblem[] } {
  const problems: StackProblem[] = [];
  const restore = (kind: 'secret' | 'config', files: RecordedFile[]): StackSpec['secrets'] =>
    files.flatMap(({ objectId, objectName, ...file }) => {
      const object = view.get(kind, objectId);
      if (object) return [{ ...file, data: dataOf(object, contents) }];
      problems.push({ code: 'not-found', subject: { kind, name: file.name }, message: `the content of ${kind} ${file.name} in revision ${revision} is gone: it was in ${kind} ${objectName}, which was removed; deploy the file again instead` });
      return [];
    });
  return { spec: { ...spec, secrets: restore('secret', spec.secrets), configs: restore('config', spec.configs) }, problems };
}

/** Those that the next revision pushes out. */
function forgotten(view: ClusterView, stack: string): StackRevision[] {
  const newest = view.get('stack', stack)?.revision ?? 0;
  return revisionsOf(view, stack).filter(({ revision }) => revision <= newest + 1 - revisionsKept);
}

/** Without contents: those lie in their own objects, secrets encrypted. */
function recordedSpec(spec: StackSpec, files: FileVersion[]): RecordedStack {
  const recorded = (kind: 'secret' | 'config', wanted: (SecretSpec & { data: string })[]) =>
    wanted.flatMap(({ data: _data, ...file }): RecordedFile[] => {
      const version = files.find((candidate) => candidate.change.kind === kind && candidate.baseName === file.name);
      return version ? [{ ...file, objectId: version.id, objectName: version.name }] : [];
    });
  return { ...spec, secrets: recorded('secret', spec.secrets), configs: recorded('config', spec.configs) };
}
