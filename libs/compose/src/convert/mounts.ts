import type { Mount } from '../../../model/src/index.js';
import type { Service } from '../compose-config.js';
import type { ComposeMount } from '../fields/mounts.js';
import type { Located } from '../fields/kind.js';
import { didYouMean } from '../problems.js';
import type { Scope } from './scope.js';
import { compact, nameOf, nonZero, problem, servicePath, toNumber, toRecord, withNamespace } from './scope.js';

type Entry = Located<ComposeMount>;

/** In the order of the file. */
export function convertMounts(scope: Scope, service: string, { volumes = [], tmpfs = [] }: Service): Mount[] {
  const path = servicePath(service, 'volumes');
  rejectSharedTargets(scope, path, volumes);
  return [...convertVolumes(scope, path, volumes), ...tmpfs.flatMap((text, index) => convertTmpfs(scope, servicePath(service, `tmpfs[${index}]`), text, volumes))];
}

function convertVolumes(scope: Scope, path: string, volumes: Entry[]): Mount[] {
  return volumes.flatMap((entry) => {
    const refuse = (message: string, suggestion?: string): Mount[] => {
      scope.findings.problem(entry.at, path, message, suggestion);
      return [];
    };
    const conflict = conflictingOptions(entry);
    if (conflict) return refuse(`"${conflict}" options do not go with type ${entry.type}`);
    return convertMount(scope, entry, path, refuse);
  });
}

function convertMount(scope: Scope, entry: Entry, path: string, refuse: (message: string, suggestion?: string) => Mount[]): Mount[] {
  const common = { target: entry.target ?? '', ...(entry.read_only ? { readOnly: true } : {}) };
  const source = entry.source ?? '';
  switch (entry.type ?? 'volume') {
    case 'volume':
      return source === '' ? [{ type: 'volume', source, ...common }] : convertVolume(scope, entry, source, refuse);
    case 'bind':
      return [convertBind(entry, source, common, refuse)].flat();
    case 'tmpfs':
      if (source !== '') return refuse('a tmpfs has no source');
      return [compact<Mount & { type: 'tmpfs' }>({ type: 'tmpfs', ...common, sizeBytes: nonZero(entry.tmpfs?.size), mode: toNumber(entry.tmpfs?.mode) })];
    case 'npipe':
    case 'cluster': {
      const type = entry.type as 'npipe' | 'cluster';
      if (source === '') return refuse(`a mount of type ${type} needs a source`);
      scope.findings.note('not-executed', entry.at, path, `no node can mount type ${type} yet`);
      return type === 'npipe' ? [{ type, source, ...common }] : convertClusterVolume(scope, source, common, refuse);
    }
    default:
      return refuse(`"${entry.type}" is not a type of volume`, 'it is volume, bind, tmpfs, npipe or cluster');
  }
}

/** As in a swarm a missing folder refuses the task, unless `create_host_path` asks for it to be made. */
function convertBind(entry: Entry, source: string, common: { target: string; readOnly?: boolean }, refuse: (message: string, suggestion?: string) => Mount[]): Mount | Mount[] {
  const { propagation, create_host_path: create, recursive } = entry.bind ?? {};
  if (recursive !== undefined && !['enabled', 'disabled', 'writable', 'readonly'].includes(recursive)) return refuse(`"${recursive}" is no value of recursive`, 'it is enabled, disabled, writable or readonly');
  return compact<Mount & { type: 'bind' }>({
    type: 'bind',
    source,
    ...common,
    propagation,
    consistency: entry.consistency,
    createMountpoint: create || undefined,
    nonRecursive: recursive === 'disabled' || undefined,
    readOnlyNonRecursive: recursive === 'writable' || undefined,
    readOnlyForceRecursive: recursive === 'readonly' || undefined,
  });
}

/** `/run` or `/run:size=64m,mode=755,uid=1000`, with the options of mount(8). */
function convertTmpfs(scope: Scope, path: string, text: string, volumes: Entry[]): Mount[] {
  const colon = text.indexOf(':');
  const target = colon < 0 ? text : text.slice(0, colon);
  const options = colon < 0 ? [] : text.slice(colon + 1).split(',').filter((option) => option !== '');
  if (!target.startsWith('/')) problem(scope, path, `"${text}" is not a path in the container`, 'it looks like /run or /run:size=64m,mode=755');
  if (volumes.some((entry) => entry.target === target)) problem(scope, path, `a volume has the target ${target} as well`);
  return [{ type: 'tmpfs', target, ...(options.length > 0 ? { options } : {}) }];
}

function convertVolume(scope: Scope, entry: Entry, source: string, refuse: (message: string, suggestion?: string) => Mount[]): Mount[] {
  const declared = scope.config.volumes.get(source);
  if (!declared) return refuse(...undeclared(scope, source));
  const mount = {
    type: 'volume' as const,
    source: nameOf(scope, source, declared),
    target: entry.target ?? '',
    ...(entry.read_only ? { readOnly: true } : {}),
    ...(entry.volume?.nocopy ? { noCopy: true } : {}),
    ...(entry.volume?.subpath ? { subpath: entry.volume.subpath } : {}),
  };
  if (declared.external) return [mount];
  const hasDriver = declared.driver !== undefined || declared.driver_opts !== undefined;
  const driver = { ...(declared.driver === undefined ? {} : { name: declared.driver }), options: toRecord(declared.driver_opts) };
  return [{ ...mount, labels: withNamespace(scope, declared.labels), ...(hasDriver ? { driver } : {}) }];
}

/** A group of cluster volumes belongs to no stack. */
function convertClusterVolume(scope: Scope, source: string, common: { target: string; readOnly?: boolean }, refuse: (message: string, suggestion?: string) => Mount[]): Mount[] {
  if (source.startsWith('group:')) return [{ type: 'cluster', source, ...common }];
  const declared = scope.config.volumes.get(source);
  if (!declared) return refuse(...undeclared(scope, source));
  return [{ type: 'cluster', source: nameOf(scope, source, declared), ...common }];
}

/** What is wrong, and what to do instead. */
function undeclared(scope: Scope, source: string): [message: string, suggestion: string] {
  return [`the volume "${source}" is not declared`, didYouMean(source, scope.config.volumes.keys()) ?? 'declare it under the top-level volumes'];
}

/** The option block that belongs to another type; npipe takes those of bind. */
function conflictingOptions(entry: Entry): string | undefined {
  const own = entry.type === 'npipe' ? 'bind' : (entry.type ?? 'volume');
  if (!['volume', 'bind', 'tmpfs', 'cluster'].includes(own)) return undefined;
  return (['bind', 'volume', 'tmpfs'] as const).find((block) => block !== own && entry[block] !== undefined);
}

function rejectSharedTargets(scope: Scope, path: string, entries: Entry[]): void {
  const seen = new Set<string>();
  for (const entry of entries) {
    const target = entry.target ?? '';
    if (target === '') scope.findings.problem(entry.at, path, 'the volume has no target', 'say where it shall appear in the container');
    else if (seen.has(target)) scope.findings.problem(entry.at, path, `two volumes have the target ${target}`);
    seen.add(target);
  }
}
