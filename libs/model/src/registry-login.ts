import { sameJson } from '../../base/src/index.js';

/** What a registry wants to know before it gives an image away. */
export interface RegistryCredentials {
  username?: string;
  password?: string;
  /** OAuth2 refresh token, in place of a password. */
  identityToken?: string;
}

/** By registry, the newest login of each: no registry is shown another's, whatever image a service gets later. */
export type RegistryLogins = Record<string, RegistryCredentials>;

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

export function openLogins(sealed: string, open: Sealing['open']): RegistryLogins {
  return JSON.parse(Buffer.from(open(sealed), 'base64').toString()) as RegistryLogins;
}

/** The sealed logins with one more; `sealed` itself when it says the same already, so that nothing is written for nothing. */
export function sealLogin(registry: string, credentials: RegistryCredentials, sealing: Sealing, sealed?: string): string {
  const before = sealed === undefined ? {} : openLogins(sealed, sealing.open);
  if (sealed !== undefined && sameJson(before[registry], credentials)) return sealed;
  return sealing.seal(Buffer.from(JSON.stringify({ ...before, [registry]: credentials })).toString('base64'));
}
