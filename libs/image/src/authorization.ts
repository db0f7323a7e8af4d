import { Refused } from '../../base/src/index.js';
import type { RegistryCredentials } from '../../model/src/index.js';
import type { Clock } from '../../base/src/index.js';
import { collect } from './digest.js';
import type { HttpConnection, HttpResponse } from './http.js';
import { bodyBytes, sendHttp } from './http.js';
import { parseJsonObject } from './manifest.js';
import { refusalFor } from './registry-refusal.js';

/** A parsed `WWW-Authenticate` header: scheme in lower case, parameters. */
export interface Challenge {
  scheme: string;
  parameters: Record<string, string>;
}

export function parseChallenge(header: string): Challenge {
  const [, scheme = '', rest = ''] = /^\s*([A-Za-z]+)\s*(.*)$/s.exec(header) ?? [];
  const parameters: Record<string, string> = {};
  for (const [, key, quoted, plain] of rest.matchAll(/([A-Za-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g)) {
    parameters[key!.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '';
  }
  return { scheme: scheme.toLowerCase(), parameters };
}

interface CachedToken {
  header: string;
  validUntilMs: number;
}

/** A token is not used in its last moments: the request with it takes time. */
const tokenReserveMs = 10_000;
const defaultTokenSeconds = 60;
const maxTokenBytes = 256 * 1024;

/** Answers challenges and remembers tokens. One for all registries. */
export class Authorizer {
  readonly #tokens = new Map<string, CachedToken>();

  constructor(readonly clock: Clock) {}

  /** The header that worked for this repository and these credentials before, if it is still valid. */
  known(key: string): string | undefined {
    const token = this.#tokens.get(key);
    return token && token.validUntilMs > this.clock.monotonicMs() ? token.header : undefined;
  }

  /** Throws `Refused('forbidden')` when the challenge cannot be answered. */
  async answer(
    key: string,
    challenge: Challenge,
    scope: string,
    credentials: RegistryCredentials | undefined,
    connection: HttpConnection,
  ): Promise<string> {
    if (challenge.scheme === 'basic') {
      if (!credentials?.username) throw new Refused('forbidden', 'the registry wants a login');
      return this.#remember(key, basic(credentials), Number.POSITIVE_INFINITY);
    }
    if (challenge.scheme !== 'bearer') throw new Refused('forbidden', `the registry wants the unknown authentication "${challenge.scheme}"`);
    const { token, seconds } = await fetchToken(challenge, scope, credentials, connection);
    return this.#remember(key, `Bearer ${token}`, this.clock.monotonicMs() + seconds * 1000 - tokenReserveMs);
  }

  #remember(key: string, header: string, validUntilMs: number): string {
    for (const [other, token] of this.#tokens) if (token.validUntilMs <= this.clock.monotonicMs()) this.#tokens.delete(other);
    this.#tokens.set(key, { header, validUntilMs });
    return header;
  }

  forget(key: string): void {
    this.#tokens.delete(key);
  }
}

function basic(credentials: RegistryCredentials): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password ?? ''}`).toString('base64')}`;
}

/** The token protocol of the distribution project (spec/auth/token, spec/auth/oauth). */
async function fetchToken(
  { parameters }: Challenge,
  scope: string,
  credentials: RegistryCredentials | undefined,
  connection: HttpConnection,
): Promise<{ token: string; seconds: number }> {
  const url = realmOf(parameters['realm'], connection.insecure);
  const service = parameters['service'] ?? '';
  const wantedScope = parameters['scope'] ?? scope;
  let response: HttpResponse;
  if (credentials?.identityToken) {
    const form = { grant_type: 'refresh_token', service, scope: wantedScope, client_id: 'shoal', refresh_token: credentials.identityToken };
    response = await sendHttp({ ...connection, url, method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(form).toString() });
  } else {
    if (service) url.searchParams.set('service', service);
    url.searchParams.set('scope', wantedScope);
    if (credentials?.username) url.searchParams.set('account', credentials.username);
    response = await sendHttp({ ...connection, url, headers: credentials?.username ? { authorization: basic(credentials) } : {} });
  }
  if (response.status !== 200) throw await refusalFor(response, url, `the token server ${url.host}`, connection.signal);
  const answer = parseJsonObject(await collect(bodyBytes(response, url, connection.signal), maxTokenBytes, 'the token'), `the answer of the token server ${url.host}`);
  const token = answer['token'] ?? answer['access_token'];
  if (typeof token !== 'string' || token === '' || /[^\x21-\x7e]/.test(token)) throw new Refused('invalid', `the token server ${url.host} answers without a token`);
  const seconds = Number(answer['expires_in']);
  return { token, seconds: seconds > 0 ? seconds : defaultTokenSeconds };
}

/** Passwords go out encrypted, unless the registry itself is reached without encryption. */
function realmOf(realm: string | undefined, insecure: boolean): URL {
  const url = realm !== undefined && URL.canParse(realm) ? new URL(realm) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw new Refused('invalid', `the registry names the token server ${JSON.stringify(realm)}, which is no address`);
  if (url.protocol === 'http:' && !insecure) throw new Refused('forbidden', `the registry's token server ${url.host} has no encryption`);
  return url;
}
