import type { Random } from '../../base/src/index.js';
import { sameJson } from '../../base/src/index.js';
import { stackLabel, type Change, type ClusterView, type Config, type Sealing, type Secret, type SecretSpec } from '../../model/src/index.js';
import type { StackChange } from './stack-plan.js';

/**
 * Contents of secrets and configs never change, since tasks were started with them. When the file of a stack has another
 * content, the stack gets another object beside the old one: the first is called as the file says (`app_key`), a later one
 * carries the beginning of its digest (`app_key-1f2e3d4c5b`). Services refer to the object, containers see the same path.
 * Going back to an earlier content finds the earlier object.
 */
export const versionOfLabel = 'shoal.version-of';

/** What a plan needs to know about contents. Texts are base64. */
export interface Contents extends Sealing {
  /** Digest in hex. */
  digest(data: string): string;
}

export interface FileVersion {
  /** As the file calls it. */
  baseName: string;
  id: string;
  /** As the object is called. */
  name: string;
  writes: Change[];
  change: StackChange;
}

/** The object for one wanted content: the one that has it, or a new one. */
export function fileVersion(kind: 'secret' | 'config', wanted: SecretSpec & { data: string }, view: ClusterView, tools: { random: Random; contents: Contents }): FileVersion {
  const { data, ...spec } = wanted;
  const versions = versionsOf(view, kind, wanted.name);
  const current = versions.find((version) => dataOf(version, tools.contents) === data);
  if (current) return keptVersion(kind, spec, current);
  const digest = tools.contents.digest(data).slice(0, 10);
  const name = versions.length === 0 ? wanted.name : `${wanted.name.slice(0, 53)}-${digest}`;
  const object = { id: tools.random.id(), spec: { ...spec, name, labels: labelsFor(spec, name) }, createdAt: '', updatedAt: '' };
  return {
    baseName: wanted.name,
    id: object.id,
    name,
    writes: [kind === 'secret' ? { action: 'create', kind, object: { ...object, sealed: tools.contents.seal(data) } } : { action: 'create', kind, object: { ...object, data } }],
    change: versions.length === 0 ? { action: 'create', kind, name } : { action: 'update', kind, name: wanted.name, detail: `another content, kept as ${name}` },
  };
}

/** All versions of one base name that belong to its stack. */
export function versionsOf(view: ClusterView, kind: 'secret' | 'config', baseName: string): (Secret | Config)[] {
  return [...view.all(kind)].filter(({ spec }) => spec.name === baseName || spec.labels[versionOfLabel] === baseName);
}

function keptVersion(kind: 'secret' | 'config', spec: SecretSpec, current: Secret | Config): FileVersion {
  const labels = labelsFor(spec, current.spec.name);
  const same = sameJson(current.spec.labels, labels);
  const object = { ...current, spec: { ...current.spec, labels } };
  return {
    baseName: spec.name,
    id: current.id,
    name: current.spec.name,
    writes: same ? [] : [{ action: 'update', kind, object: object as never, expect: current.version }],
    change: same ? { action: 'unchanged', kind, name: spec.name } : { action: 'update', kind, name: spec.name, detail: 'labels' },
  };
}

function labelsFor(spec: SecretSpec, name: string): SecretSpec['labels'] {
  return name === spec.name ? spec.labels : { ...spec.labels, [versionOfLabel]: spec.name };
}

/** In base64. */
export function dataOf(object: Secret | Config, contents: Contents): string {
  return 'sealed' in object ? contents.open(object.sealed) : object.data;
}

/** Does somebody else have the name? */
export function foreignOwner(object: { spec: SecretSpec } | undefined, stack: string): string | undefined {
  if (!object || object.spec.labels[stackLabel] === stack) return undefined;
  const owner = object.spec.labels[stackLabel];
  return owner === undefined ? 'no stack' : `stack ${owner}`;
}
