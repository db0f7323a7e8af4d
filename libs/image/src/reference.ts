import { Refused } from '../../base/src/index.js';
import { splitImageName } from '../../model/src/index.js';

/** A parsed image reference, with the defaults of docker.io filled in. */
export interface Reference {
  /** Registry as people write it: `docker.io`, `localhost:5000`. */
  registry: string;
  /** Repository inside the registry: `library/nginx`. */
  repository: string;
  tag?: string;
  /** `sha256:…`; when present it decides and the tag is only a remark. */
  digest?: string;
}

const defaultRegistry = 'docker.io';
const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);
const registryPattern = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;
const maxNameLength = 255;

/** Grammar of the distribution spec. Throws `Refused('invalid')`. */
export function parseReference(text: string): Reference {
  const refuse = (reason: string) => new Refused('invalid', `image reference "${text.slice(0, 300)}" is not valid: ${reason}`);
  const [beforeDigest = '', digest, ...more] = text.split('@');
  if (more.length > 0) throw refuse('more than one "@"');
  if (digest !== undefined && !digestPattern.test(digest)) throw refuse('the digest must be "sha256:" and 64 lower-case hexadecimal digits');

  const lastSlash = beforeDigest.lastIndexOf('/');
  const colon = beforeDigest.indexOf(':', lastSlash + 1);
  const name = colon < 0 ? beforeDigest : beforeDigest.slice(0, colon);
  const tag = colon < 0 ? undefined : beforeDigest.slice(colon + 1);
  if (tag !== undefined && !tagPattern.test(tag)) throw refuse(`"${tag}" is not a tag`);
  if (name === '') throw refuse('the name is empty');

  const { registry, path } = splitImageName(name);
  const repository = registry === defaultRegistry ? inDefaultRegistry(path) : path;
  if (!registryPattern.test(registry)) throw refuse(`"${registry}" is not a registry host`);
  if (!repositoryPattern.test(repository)) throw refuse(`"${repository}" is not a repository name (lower-case letters, digits, and . _ - between them)`);
  if (registry.length + 1 + repository.length > maxNameLength) throw refuse(`the name is longer than ${maxNameLength} characters`);
  return { registry, repository, ...(tag !== undefined ? { tag } : digest === undefined ? { tag: 'latest' } : {}), ...(digest !== undefined ? { digest } : {}) };
}

function inDefaultRegistry(repository: string): string {
  return repository.includes('/') ? repository : `library/${repository}`;
}

/** The one full spelling of a reference; equal references have equal texts. The tag is left out when a digest decides. */
export function canonicalReference(reference: Reference): string {
  const name = `${reference.registry}/${reference.repository}`;
  return reference.digest === undefined ? `${name}:${reference.tag}` : `${name}@${reference.digest}`;
}

/** The short spelling that Docker shows: `nginx:1` for `docker.io/library/nginx:1`. */
export function familiarReference(reference: Reference): string {
  const canonical = canonicalReference(reference);
  const short = canonical.startsWith(`${defaultRegistry}/`) ? canonical.slice(defaultRegistry.length + 1) : canonical;
  return short.startsWith('library/') && short.indexOf('/') === short.lastIndexOf('/') ? short.slice('library/'.length) : short;
}
