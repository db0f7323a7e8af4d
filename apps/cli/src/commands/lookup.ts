import type { ApiClient, RequestOptions } from '../api-client/client.js';
import { isNotFound } from '../api-client/errors.js';
import type { ClusterNode, Info, Network, SecretOrConfig, Service, VolumeList } from '../api-client/types.js';
import { exitStatus, Failure } from '../exit-status.js';
import { didYouMean } from '../output/suggest.js';

/** Things that are found by id, name or id prefix, and what to call them. */
export type LookupKind = 'service' | 'node' | 'network' | 'volume' | 'secret' | 'config';

const namesOf: Record<LookupKind, (api: ApiClient) => Promise<string[]>> = {
  service: async (api) => (await list<Service>(api, '/services')).map((service) => service.Spec.Name),
  node: async (api) => (await list<ClusterNode>(api, '/nodes')).map((node) => node.Description.Hostname ?? node.ID),
  network: async (api) => (await list<Network>(api, '/networks')).map((network) => network.Name),
  volume: async (api) => ((await api.get<VolumeList>('/volumes')).Volumes ?? []).map((volume) => volume.Name),
  secret: async (api) => (await list<SecretOrConfig>(api, '/secrets')).map((secret) => secret.Spec.Name),
  config: async (api) => (await list<SecretOrConfig>(api, '/configs')).map((config) => config.Spec.Name),
};

async function list<T>(api: ApiClient, path: string): Promise<T[]> {
  return (await api.get<T[] | null>(path)) ?? [];
}

/** Names of everything of a kind, for suggestions and completion. */
export function knownNames(api: ApiClient, kind: LookupKind): Promise<string[]> {
  return namesOf[kind](api);
}

/** `no such service: wbe. Did you mean web?` */
export async function noSuch(api: ApiClient, kind: LookupKind, reference: string): Promise<string> {
  const suggestion = didYouMean(reference, await knownNames(api, kind));
  return `no such ${kind}: ${reference}${suggestion && `.${suggestion}`}`;
}

/** GET, DELETE or POST on one object; a 404 becomes a sentence with the nearest name. */
export async function refusingUnknown<T>(api: ApiClient, kind: LookupKind, reference: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new Failure(exitStatus.failed, await noSuch(api, kind, reference));
  }
}

/** One object by id, name or id prefix. */
export function find<T>(api: ApiClient, kind: LookupKind, reference: string, options?: RequestOptions): Promise<T> {
  if (reference === '') throw new Failure(exitStatus.badUsage, `the name of a ${kind} must not be empty`);
  return refusingUnknown(api, kind, reference, () => api.get<T>(pathOf(kind, reference), options));
}

export function pathOf(kind: LookupKind, reference: string): string {
  return `/${kind}s/${encodeURIComponent(reference)}`;
}

/** A node, where `self` is the one that answers. */
export async function findNode(api: ApiClient, reference: string): Promise<ClusterNode> {
  return find<ClusterNode>(api, 'node', await resolveSelf(api, reference));
}

export async function resolveSelf(api: ApiClient, reference: string): Promise<string> {
  if (reference !== 'self') return reference;
  const id = (await api.get<Info>('/info')).Swarm?.NodeID;
  if (!id) throw new Failure(exitStatus.failed, 'this manager belongs to no cluster: make one with "shoal init" or join one with "shoal join"');
  return id;
}
