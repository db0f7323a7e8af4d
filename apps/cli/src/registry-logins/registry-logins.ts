import { registryOf, type RegistryCredentials } from '../../../../libs/model/src/index.js';
import type { Session } from '../session.js';
import { askHelper } from './credential-helper.js';
import { configKeyOf, loginInFile, readDockerConfig, type DockerConfig } from './docker-config.js';

/** The logins of `docker login` for the registries of these images, by registry. Says on stderr which are missing. */
export async function registryLogins(session: Session, images: string[]): Promise<Record<string, RegistryCredentials>> {
  const config = await readDockerConfig(session);
  const logins: Record<string, RegistryCredentials> = {};
  for (const registry of new Set(images.map(registryOf))) {
    const login = await loginFor(session, config, registry);
    if (login) logins[registry] = login;
    // Most images of Docker Hub are for everybody.
    else if (registry !== 'docker.io') session.err.write(`note: there is no login for registry ${registry} in ${config.path}: its images are pulled without one; log in with: docker login ${registry}\n`);
  }
  return logins;
}

/** Like `X-Registry-Auth` of the Engine API, for one image. */
export async function registryAuthHeader(session: Session, image: string): Promise<Record<string, string>> {
  const [login] = Object.values(await registryLogins(session, [image]));
  if (!login) return {};
  const { identityToken, ...rest } = login;
  return { 'X-Registry-Auth': Buffer.from(JSON.stringify({ ...rest, ...(identityToken && { identitytoken: identityToken }) })).toString('base64url') };
}

async function loginFor(session: Session, config: DockerConfig, registry: string): Promise<RegistryCredentials | undefined> {
  const key = configKeyOf(registry);
  const helper = config.credHelpers[registry] ?? config.credHelpers[key] ?? config.credsStore;
  const told = helper ? await askHelper(helper, key, session) : 'missing';
  if (told !== 'missing') return told;
  if (helper) session.err.write(`note: docker-credential-${helper}, which ${config.path} names for ${registry}, is not installed\n`);
  return loginInFile(config, registry);
}
