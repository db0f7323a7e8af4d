import * as http from 'node:http';
import { Readable, type Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ApiError, ManagerUnreachable, withoutRpcPrefix } from './errors.js';
import type { HostAddress } from './host.js';

/** Loaded only when it is needed: with TLS comes all of OpenSSL's binding, half of what a short command costs to start. */
function https(): typeof import('node:https') {
  return process.getBuiltinModule('node:https');
}

/** A connection that is ours; `head` is what came with the manager's consent. */
export interface HijackedSocket {
  socket: Duplex;
  head: Buffer;
}

export interface HttpRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  body?: unknown;
  headers?: Record<string, string> | undefined;
  /** For the response headers, and for the whole answer of `send`. */
  deadlineMs: number;
  signal?: AbortSignal;
}

/** HTTP to one manager. Connections are kept for the next request; `close` ends them. */
export class Transport {
  readonly #agent: http.Agent;

  constructor(readonly host: HostAddress) {
    const tls = host.kind === 'tcp' && host.tls !== undefined;
    this.#agent = tls ? new (https().Agent)({ keepAlive: true }) : new http.Agent({ keepAlive: true });
  }

  /** The parsed JSON answer; undefined when the answer has no body. */
  async send(request: HttpRequest): Promise<unknown> {
    const { response, finish } = await this.#open(request);
    try {
      return await readAnswer(response);
    } catch (error) {
      throw this.#connectionError(error, request);
    } finally {
      finish();
    }
  }

  /** The connection itself, after the manager has agreed to give it to us. */
  hijack(request: HttpRequest): Promise<HijackedSocket> {
    return new Promise((resolve, reject) => {
      request.signal?.throwIfAborted();
      const outgoing = this.#start({ ...request, headers: { ...request.headers, Connection: 'Upgrade', Upgrade: 'tcp' } });
      const timer = setTimeout(() => outgoing.destroy(new Error(`no answer within ${request.deadlineMs / 1000} s`)), request.deadlineMs);
      const fail = (error: unknown) => {
        clearTimeout(timer);
        reject(error as Error);
      };
      outgoing.on('error', (error) => fail(this.#connectionError(error, request)));
      outgoing.on('response', (response) => void refusedStream(response).then(fail, fail));
      outgoing.on('upgrade', (_response, socket, head) => {
        clearTimeout(timer);
        resolve({ socket, head });
      });
      const body = request.body === undefined ? '' : JSON.stringify(request.body);
      outgoing.setHeader('Content-Length', Buffer.byteLength(body));
      outgoing.end(body);
    });
  }

  /** Sends a body as it comes. */
  async upload(request: HttpRequest, content: AsyncIterable<Buffer>): Promise<void> {
    const { promise, outgoing } = this.#begin(request);
    const sending = pipeline(Readable.from(content, { objectMode: false }), outgoing);
    // A manager that refuses early answers while we still send: its words count, not the broken pipe.
    sending.catch(() => undefined);
    const { response, finish } = await promise;
    try {
      await readAnswer(response);
      await sending;
    } finally {
      finish();
    }
  }

  /** The answer as it comes; the deadline is for its headers only. */
  async stream(request: HttpRequest): Promise<http.IncomingMessage> {
    const { response, finish } = await this.#open(request);
    finish();
    const { signal } = request;
    signal?.addEventListener('abort', () => response.destroy(signal.reason as Error), { once: true });
    return response;
  }

  close(): void {
    this.#agent.destroy();
  }

  #open(request: HttpRequest): Promise<{ response: http.IncomingMessage; finish: () => void }> {
    const { promise, outgoing } = this.#begin(request);
    outgoing.end(request.body === undefined ? undefined : JSON.stringify(request.body));
    return promise;
  }

  #begin(request: HttpRequest): { promise: Promise<{ response: http.IncomingMessage; finish: () => void }>; outgoing: http.ClientRequest } {
    request.signal?.throwIfAborted();
    const outgoing = this.#start(request);
    const promise = new Promise<{ response: http.IncomingMessage; finish: () => void }>((resolve, reject) => {
      const timer =
        request.deadlineMs === Infinity ? undefined : setTimeout(() => outgoing.destroy(new Error(`no answer within ${request.deadlineMs / 1000} s`)), request.deadlineMs);
      const onAbort = () => outgoing.destroy(request.signal!.reason as Error);
      request.signal?.addEventListener('abort', onAbort, { once: true });
      const finish = () => {
        clearTimeout(timer);
        request.signal?.removeEventListener('abort', onAbort);
      };
      outgoing.on('error', (error) => {
        finish();
        reject(this.#connectionError(error, request));
      });
      outgoing.on('response', (response) => resolve({ response, finish }));
    });
    return { promise, outgoing };
  }

  #start(request: HttpRequest): http.ClientRequest {
    const { host } = this;
    const headers: http.OutgoingHttpHeaders = { ...request.headers, Host: host.kind === 'unix' ? 'shoal' : host.hostname };
    if (request.body !== undefined) headers['Content-Type'] = 'application/json';
    const common = { method: request.method, path: request.path, headers, agent: this.#agent };
    if (host.kind === 'unix') return http.request({ ...common, socketPath: host.socketPath });
    const address = { ...common, host: host.hostname, port: host.port };
    return host.tls ? https().request({ ...address, ...host.tls }) : http.request(address);
  }

  #connectionError(error: unknown, request: HttpRequest): unknown {
    if (request.signal?.aborted) return request.signal.reason;
    if (error instanceof ApiError) return error;
    const code = (error as NodeJS.ErrnoException).code;
    const plainTcp = this.host.kind === 'tcp' && !this.host.tls && code === 'ECONNRESET';
    const reason = plainTcp ? 'it closed the connection; if it wants TLS, set SHOAL_CERT_PATH' : reasonOf(error as Error, code);
    return new ManagerUnreachable(this.host.text, reason, code === 'EACCES' || code === 'EPERM');
  }
}

const reasons: Record<string, string> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nothing listens there',
  ENOTSOCK: 'that file is not a socket',
  ECONNRESET: 'it closed the connection',
  ENOTFOUND: 'no such host name',
  EHOSTUNREACH: 'no route to that host',
};

function reasonOf(error: Error, code: string | undefined): string {
  return (code && reasons[code]) ?? error.message;
}

async function readAnswer(response: http.IncomingMessage): Promise<unknown> {
  const text = await readText(response);
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 400) return text.trim() === '' ? undefined : parseJson(text, status);
  throw refusal(status, text);
}

/** Reads the body of a refused stream and makes an error of it. */
export async function refusedStream(response: http.IncomingMessage): Promise<ApiError> {
  return refusal(response.statusCode ?? 0, await readText(response));
}

async function readText(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function refusal(status: number, text: string): ApiError {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined; // a proxy's or an old engine's plain text
  }
  const message = (body as { message?: unknown } | undefined)?.message;
  const words = typeof message === 'string' && message !== '' ? message : text.trim() || `HTTP status ${status}`;
  return new ApiError(status, withoutRpcPrefix(words), body);
}

function parseJson(text: string, status: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(status, `the manager's answer is not JSON: ${text.slice(0, 200)}`, undefined);
  }
}
