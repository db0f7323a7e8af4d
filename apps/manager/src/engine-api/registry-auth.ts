import type { RegistryCredentials } from '../../../../libs/model/src/index.js';
import { ApiError } from '../http/api-error.js';
import { JsonInput } from './json-input.js';

/** The header `X-Registry-Auth`: Docker's AuthConfig as JSON in base64url. `{}`, which clients without a login send, is none. */
export function credentialsFrom(header: string | undefined): RegistryCredentials | undefined {
  if (!header) return undefined;
  const input = JsonInput.from(parse(header), 'X-Registry-Auth');
  if (input.string('registrytoken')) throw invalid('a registrytoken cannot be passed on to nodes; log in with a password or an identity token');
  const identityToken = input.string('identitytoken');
  const [username, password] = login(input);
  if (identityToken) return { ...(username && { username }), identityToken };
  return username ? { username, ...(password && { password }) } : undefined;
}

/** Older clients say `auth`: base64 of `name:password`. */
function login(input: JsonInput): [username?: string, password?: string] {
  const username = input.string('username');
  if (username) return [username, input.string('password')];
  const pair = Buffer.from(input.string('auth') ?? '', 'base64').toString();
  const colon = pair.indexOf(':');
  return colon < 0 ? [] : [pair.slice(0, colon), pair.slice(colon + 1)];
}

function parse(header: string): unknown {
  try {
    return JSON.parse(Buffer.from(header, 'base64url').toString());
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw invalid('it must be a JSON object in base64'); // without the parser's words: they quote what it holds
  }
}

function invalid(reason: string): ApiError {
  return new ApiError(400, `invalid X-Registry-Auth header: ${reason}`);
}
