import { sameJson } from '../../base/src/index.js';

/** What a registry wants to know before it gives an image away. */
export interface RegistryCredentials {
  username?: string;
  password?: string;
  /** OAuth2 refresh token, in place of a password. */
  identityToken?: string;
}

/** Credentials and the one registry that they are for: no other is shown them, whatever image a service gets later. */
export interface RegistryLogin extends RegistryCredentials {
  registry: string;
}

/** Encrypts under the cluster's key. Texts are base64. */
export interface Sealing {
  seal(data: string): string;
  open(sealed: string): string;
}

const defaultRegistry = 'docker.io';

/** The first component of an image's name is a registry if and only if it has a `.` or `:`, or is `localhost`. */
export function splitImageName(name: string): { registry: string; path: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  if (!/[.:]/.test(first) && first !== 'localhost') return { registry: defaultRegistry, path: name };
  return { registry: first === 'index.docker.io' ? defaultRegistry : first, path: name.slice(slash + 1) };
}

export function registryOf(image: string): string {
  return splitImageName(image).registry;
}

export function openLogin(sealed: string, open: Sealing['open']): RegistryLogin {
  return JSON.parse(Buffer.from(open(sealed), 'base64').toString()) as RegistryLogin;
}

/** The login as it is stored; `before` itself when that says the same, so that nothing is written for nothing. */
export function sealLogin(login: RegistryLogin, sealing: Sealing, before?: string): string {
  if (before !== undefined && sameJson(openLogin(before, sealing.open), login)) return before;
  return sealing.seal(Buffer.from(JSON.stringify(login)).toString('base64'));
}
