import * as http from 'node:http';
import * as https from 'node:https';
import { rootCertificates } from 'node:tls';
import { Refused } from '../../base/src/index.js';
import { NetworkFailure } from './network-failure.js';

/**
 * HTTP as a registry client needs it. Not `fetch`, because that can neither reach a registry with a self-signed
 * certificate (an "insecure" one) nor keep a stalled connection from waiting for ever.
 */
export interface HttpConnection {
  /** Accept any certificate, and redirects to plain http. */
  insecure: boolean;
  /** Certificate authorities to trust beside the usual ones, PEM. */
  certificates: string[];
  /** The longest silence that is waited through. */
  idleMs: number;
  signal: AbortSignal;
}

export interface HttpRequest extends HttpConnection {
  url: URL;
  method?: 'GET' | 'HEAD' | 'POST';
  headers: Record<string, string>;
  body?: string;
}

export interface HttpResponse {
  status: number;
  headers: http.IncomingHttpHeaders;
  /** Connection failures while reading are `NetworkFailure`. Must be read to the end or destroyed. */
  body: http.IncomingMessage;
}

const maxRedirects = 5;
const redirects = [301, 302, 303, 307, 308];

/** Follows redirects; credentials stay with the host that they are for. Throws `NetworkFailure` when there is no answer. */
export async function sendHttp(request: HttpRequest): Promise<HttpResponse> {
  let current = request;
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const response = await sendOnce(current);
    const location = response.headers.location;
    if (!redirects.includes(response.status) || location === undefined) return response;
    response.body.destroy();
    current = redirected(current, location);
  }
  throw new Refused('invalid', `${request.url.host} redirects more than ${maxRedirects} times`);
}

function redirected(request: HttpRequest, location: string): HttpRequest {
  let url: URL;
  try {
    url = new URL(location, request.url);
  } catch (cause) {
    throw new Refused('invalid', `${request.url.host} redirects to an address that is none`, { cause });
  }
  const isHttp = url.protocol === 'http:';
  if (!isHttp && url.protocol !== 'https:') throw new Refused('invalid', `${request.url.host} redirects to a ${url.protocol} address`);
  if (isHttp && !request.insecure) throw new Refused('invalid', `${request.url.host} redirects to ${url.host} without encryption`);
  const headers = { ...request.headers };
  if (url.origin !== request.url.origin) delete headers['authorization'];
  return { ...request, url, headers };
}

function sendOnce(request: HttpRequest): Promise<HttpResponse> {
  const { url, insecure, idleMs, signal } = request;
  return new Promise((resolve, reject) => {
    const options = { method: request.method ?? 'GET', headers: { 'user-agent': 'shoal', ...request.headers }, signal };
    const trust = { rejectUnauthorized: !insecure, ...(request.certificates.length > 0 ? { ca: [...rootCertificates, ...request.certificates] } : {}) };
    const outgoing = url.protocol === 'https:' ? https.request(url, { ...options, ...trust }) : http.request(url, options);
    const fail = (error: NodeJS.ErrnoException) => reject(signal.aborted ? signal.reason : asNetworkFailure(error, url));
    let response: http.IncomingMessage | undefined;
    outgoing.setTimeout(idleMs, () => (response ?? outgoing).destroy(new NetworkFailure(`${url.host} was silent for ${idleMs / 1000} s`)));
    outgoing.on('error', fail);
    outgoing.on('response', (body) => {
      response = body;
      resolve({ status: body.statusCode ?? 0, headers: body.headers, body });
    });
    outgoing.end(request.body);
  });
}

function asNetworkFailure(error: unknown, url: URL): Error {
  if (error instanceof NetworkFailure) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new NetworkFailure(`the connection to ${url.host} failed (${code ?? message})`, { cause: error });
}

/** The body's bytes, with connection failures told apart from others. */
export async function* bodyBytes(response: HttpResponse, url: URL, signal: AbortSignal): AsyncGenerator<Buffer> {
  const iterator = response.body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await iterator.next().catch((error: unknown) => {
        throw signal.aborted ? signal.reason : asNetworkFailure(error, url);
      });
      if (next.done) return;
      yield next.value as Buffer;
    }
  } finally {
    response.body.destroy();
  }
}
