import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describeError } from '../../../../libs/base/src/index.js';
import type { RegistryCredentials } from '../../../../libs/model/src/index.js';
import { exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';

/** What `docker login` has left, and where it keeps the rest. Only the members that tell of logins. */
export interface DockerConfig {
  path: string;
  /** Registry, as a host or a URL → `name:password` in base64, or an identity token. */
  auths: Record<string, { auth?: string; identitytoken?: string }>;
  /** Registry → the helper program that knows its login. */
  credHelpers: Record<string, string>;
  /** The helper of all other registries. */
  credsStore?: string;
}

/** `config.json` of `$DOCKER_CONFIG` or `~/.docker`; none at all is one without logins. */
export async function readDockerConfig({ env }: Pick<Session, 'env'>): Promise<DockerConfig> {
  const path = join(env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker'), 'config.json');
  const none: DockerConfig = { path, auths: {}, credHelpers: {} };
  try {
    return { ...none, ...withoutNulls(JSON.parse(await readFile(path, 'utf8')) as Partial<DockerConfig>), path };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return none;
    // A parser's words quote what it read: here, passwords.
    const why = error instanceof SyntaxError ? 'it is not valid JSON' : describeError(error);
    throw new Failure(exitStatus.failed, `${path}: the logins of docker cannot be read: ${why}`);
  }
}

function withoutNulls<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null)) as T;
}

/** Docker Hub's logins are kept under the address of an API that is long gone. */
export function configKeyOf(registry: string): string {
  return registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry;
}

/** The login that stands in the file itself. */
export function loginInFile({ auths }: DockerConfig, registry: string): RegistryCredentials | undefined {
  const key = configKeyOf(registry);
  const entry = auths[key] ?? Object.entries(auths).find(([name]) => hostOf(name) === hostOf(key))?.[1];
  const [username, password] = splitAuth(entry?.auth ?? '');
  if (entry?.identitytoken) return { ...(username && { username }), identityToken: entry.identitytoken };
  return username ? { username, ...(password && { password }) } : undefined;
}

function hostOf(name: string): string {
  return name.replace(/^https?:\/\//, '').split('/', 1)[0]!;
}

function splitAuth(auth: string): [username?: string, password?: string] {
  const text = Buffer.from(auth, 'base64').toString().replace(/\0+$/, '');
  const colon = text.indexOf(':');
  return colon < 0 ? [] : [text.slice(0, colon), text.slice(colon + 1)];
}
