import type { FileReference } from '../../../model/src/index.js';
import type { FileObject, Service } from '../compose-config.js';
import { didYouMean } from '../problems.js';
import type { Scope } from './scope.js';
import { compareText, nameOf, problem, servicePath } from './scope.js';

const readableByAll = 0o444;

export function convertSecretReferences(scope: Scope, service: string, { secrets = [] }: Service): FileReference[] {
  return convertReferences(scope, service, 'secrets', secrets).sort(byName);
}

/** A credential spec's config is referred to as well, without a file. */
export function convertConfigReferences(scope: Scope, service: string, { configs = [], credential_spec }: Service): FileReference[] {
  const references = convertReferences(scope, service, 'configs', configs);
  const credentials = credential_spec?.config;
  if (credentials !== undefined) {
    const object = lookup(scope, 'configs', credentials);
    if (object) references.push({ id: '', name: nameOf(scope, credentials, object) });
    else problem(scope, servicePath(service, 'credential_spec.config'), `the config "${credentials}" is not declared`);
  }
  return references.sort(byName);
}

type Reference = NonNullable<Service['secrets']>[number];

function convertReferences(scope: Scope, service: string, section: 'secrets' | 'configs', references: Reference[]): FileReference[] {
  const targets = new Set<string>();
  return references.flatMap((reference): FileReference[] => {
    const source = reference.source ?? '';
    const target = reference.target ?? source;
    if (targets.has(target)) scope.findings.problem(reference.at, servicePath(service, section), `two ${section} have the target ${target}`, 'give one of them another target');
    targets.add(target);
    const object = lookup(scope, section, source);
    if (!object) {
      const noun = section === 'secrets' ? 'secret' : 'config';
      const suggestion = didYouMean(source, scope.config[section].keys()) ?? `declare it under the top-level ${section}`;
      scope.findings.problem(reference.at, servicePath(service, section), `the ${noun} "${source}" is not declared`, suggestion);
      return [];
    }
    const file = {
      name: target,
      uid: reference.uid ?? '0',
      gid: reference.gid ?? '0',
      mode: reference.mode === undefined ? readableByAll : Number(reference.mode),
    };
    return [{ id: '', name: nameOf(scope, source, object), file }];
  });
}

function lookup(scope: Scope, section: 'secrets' | 'configs', key: string): FileObject | undefined {
  return scope.config[section].get(key);
}

function byName(a: FileReference, b: FileReference): number {
  return compareText(a.name, b.name);
}
