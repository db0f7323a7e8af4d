const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const domain = /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const path = new RegExp(`^${component}(?:/${component})*$`);
const tag = /^\w[\w.-]{0,127}$/;
const digest = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

/** The reference as Docker stores it in a service: with `:latest` where there is neither tag nor digest, and without `docker.io/library/`. */
export function normaliseImage(image: string): { image: string } | { message: string } {
  if (image === '') return { message: 'no image is named' };
  const [beforeDigest, digestText] = splitOnce(image, '@');
  if (digestText !== undefined && !digest.test(digestText)) return { message: `"${image}" is not an image: "${digestText}" is not a digest` };
  const colon = beforeDigest.indexOf(':', beforeDigest.lastIndexOf('/') + 1);
  const name = colon === -1 ? beforeDigest : beforeDigest.slice(0, colon);
  const tagText = colon === -1 ? undefined : beforeDigest.slice(colon + 1);
  if (tagText !== undefined && !tag.test(tagText)) return { message: `"${image}" is not an image: "${tagText}" is not a tag` };
  const { registry, repository } = splitName(name);
  if (/^[a-f0-9]{64}$/.test(repository) && !registry) return { message: `"${image}" is an image id; a service needs a name` };
  if (repository !== repository.toLowerCase()) return { message: `"${image}" is not an image: its name must be in lower case` };
  if (!path.test(repository) || (registry && !domain.test(registry))) return { message: `"${image}" is not an image: its name is not valid` };
  const suffix = `${tagText === undefined ? '' : `:${tagText}`}${digestText === undefined ? '' : `@${digestText}`}`;
  return { image: `${registry ? `${registry}/` : ''}${repository}${suffix || ':latest'}` };
}

/** What stands before the first slash is a registry if it looks like a host. Docker Hub is not written out. */
function splitName(name: string): { registry: string; repository: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const isHost = slash !== -1 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  const registry = isHost ? first : '';
  const repository = isHost ? name.slice(slash + 1) : name;
  if (registry !== '' && registry !== 'docker.io' && registry !== 'index.docker.io') return { registry, repository };
  const official = repository.startsWith('library/') && !repository.slice('library/'.length).includes('/');
  return { registry: '', repository: official ? repository.slice('library/'.length) : repository };
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const index = text.indexOf(separator);
  return index === -1 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}
