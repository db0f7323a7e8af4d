import { sameJson } from '../../../../libs/base/src/index.js';
import { checkSecretSpec, type ClusterView, type Config, type Secret, type Service } from '../../../../libs/model/src/index.js';
import { removalOfStackMember } from '../../../../libs/stack/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { asSwarm, refuseFirst, swarmRefusal } from '../http/api-error.js';
import { secretSpecFrom } from './convert/secret.js';
import { Filters } from './filters.js';

/** What secrets and configs have in common: named contents that services mount and that never change. */
export type FileKind = 'secret' | 'config';

export function admitFileObject(view: ClusterView, kind: FileKind, body: unknown) {
  const given = secretSpecFrom(body);
  refuseFirst(checkSecretSpec(kind, given.spec, given.sizeBytes));
  if (view.named(kind, given.spec.name)) throw swarmRefusal({ code: 'already-exists', message: `${kind} ${given.spec.name} already exists` });
  return given;
}

/** Only labels may change: the content is what services were started with. */
export async function updateLabels(store: Store, kind: FileKind, current: Secret | Config, body: unknown, expect: number, currentData: () => string): Promise<void> {
  const { spec, data } = secretSpecFrom(body);
  const { labels, ...rest } = spec;
  const { labels: _, ...currentRest } = current.spec;
  if (!sameJson(rest, currentRest) || (data !== '' && data !== currentData())) {
    throw swarmRefusal({ code: 'invalid', message: 'only updates to Labels are allowed' });
  }
  // `docker stack deploy` posts every secret on every run.
  if (sameJson(labels, current.spec.labels) && current.version === expect) return;
  const object = { ...current, spec: { ...current.spec, labels } };
  await asSwarm(store.commit([kind === 'secret' ? { action: 'update', kind, object: object as Secret, expect } : { action: 'update', kind, object: object as Config, expect }]));
}

export async function removeFileObject(store: Store, kind: FileKind, object: Secret | Config): Promise<void> {
  const users = usersOf(store.view(), kind, object.id).map((service) => service.spec.name);
  if (users.length > 0) {
    const services = users.length === 1 ? 'service' : 'services';
    // InvalidArgument, although it is about use: Swarm's own choice.
    throw swarmRefusal({ code: 'invalid', message: `${kind} '${object.spec.name}' is in use by the following ${services}: ${users.sort().join(', ')}` });
  }
  await asSwarm(store.commit(removalOfStackMember(store.view(), kind, object)));
}

export function fileObjectFilters(kind: FileKind, text: string | undefined): (object: Secret | Config) => boolean {
  const filters = Filters.parse(text, kind === 'secret' ? ['id', 'label', 'name', 'names'] : ['id', 'label', 'name']);
  return ({ id, spec }) => filters.prefix('id', id) && filters.prefix('name', spec.name) && filters.equal('names', spec.name) && filters.labels('label', spec.labels);
}

function usersOf(view: ClusterView, kind: FileKind, id: string): Service[] {
  const list = kind === 'secret' ? 'secrets' : 'configs';
  return [...view.all('service')].filter((service) => service.spec.template.container[list].some((reference) => reference.id === id));
}
