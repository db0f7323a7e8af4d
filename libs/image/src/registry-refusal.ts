import { Refused } from '../../base/src/index.js';
import type { HttpResponse } from './http.js';
import { bodyBytes } from './http.js';
import { NetworkFailure } from './network-failure.js';
import { printable } from '../../base/src/tar/tar-header.js';

const maxErrorBytes = 16 * 1024;

/** The error that an answer other than success means; `who` answered. Reads the body for the registry's own words. */
export async function refusalFor(response: HttpResponse, url: URL, who: string, signal: AbortSignal): Promise<Error> {
  const { status } = response;
  const words = await registryWords(response, url, signal);
  const said = `${who} answers ${status}${words ? ` (${words})` : ''}`;
  if (status === 401) return new Refused('forbidden', `${said}: it does not exist, or it needs a login`);
  if (status === 403) return new Refused('forbidden', said);
  if (status === 404) return new Refused('not-found', said);
  if (status === 408 || status === 429 || status >= 500) return new NetworkFailure(said, { retryAfterMs: retryAfterMs(response.headers['retry-after']) });
  return new Refused('invalid', said);
}

/** Only seconds; the date form is not used by registries. */
function retryAfterMs(header: string | undefined): number {
  const seconds = Number(header);
  return seconds > 0 ? seconds * 1000 : 0;
}

/** `{"errors":[{"code","message"}]}` of the distribution spec; anything else says nothing. */
async function registryWords(response: HttpResponse, url: URL, signal: AbortSignal): Promise<string> {
  let bytes = Buffer.alloc(0);
  try {
    for await (const chunk of bodyBytes(response, url, signal)) {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length > maxErrorBytes) return '';
    }
    const { errors } = JSON.parse(bytes.toString('utf8')) as { errors?: { code?: string; message?: string }[] };
    const first = errors?.[0];
    return first ? printable(Buffer.from([first.code, first.message].filter(Boolean).join(': ')).toString('latin1')) : '';
  } catch (error) {
    if (signal.aborted || !(error instanceof SyntaxError || error instanceof TypeError || error instanceof NetworkFailure)) throw error;
    return ''; // the status says enough
  }
}
