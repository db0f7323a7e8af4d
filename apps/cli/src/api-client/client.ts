import { setMaxListeners } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { filterQuery, type Filters } from './filters.js';
import type { HostAddress } from './host.js';
import { refusedStream, Transport, type HijackedSocket } from './transport.js';

/** The oldest version of the Engine API that has all that is used here (`status` on `/services`). */
const apiVersion = 'v1.41';

/** An answer that takes longer means a manager that hangs. */
const answerDeadlineMs = 30_000;

export interface RequestOptions {
  query?: Record<string, string | number | boolean | undefined>;
  filters?: Filters;
  deadlineMs?: number;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** The Docker Engine API of a manager, and Shoal's own paths beside it. */
export class ApiClient {
  readonly #transport: Transport;

  /** `interrupt` ends every request that has no signal of its own. */
  constructor(
    host: HostAddress,
    readonly interrupt?: AbortSignal,
  ) {
    this.#transport = new Transport(host);
    if (interrupt) setMaxListeners(0, interrupt); // one per request under way, however many
  }

  get hostText(): string {
    return this.#transport.host.text;
  }

  get<T>(path: string, options: RequestOptions = {}): Promise<T> {
    return this.#send('GET', path, undefined, options) as Promise<T>;
  }

  post<T>(path: string, body?: unknown, options: RequestOptions = {}): Promise<T> {
    return this.#send('POST', path, body, options) as Promise<T>;
  }

  delete<T>(path: string, options: RequestOptions = {}): Promise<T> {
    return this.#send('DELETE', path, undefined, options) as Promise<T>;
  }

  async stream(path: string, options: RequestOptions = {}): Promise<IncomingMessage> {
    const { deadlineMs = answerDeadlineMs, signal = this.interrupt } = options;
    const response = await this.#transport.stream({ method: 'GET', path: address(path, options), deadlineMs, signal });
    if ((response.statusCode ?? 0) >= 400) throw await refusedStream(response);
    return response;
  }

  /** Headers alone; undefined when there is no such thing. */
  async head(path: string, options: RequestOptions = {}): Promise<Record<string, unknown> | undefined> {
    const { deadlineMs = answerDeadlineMs, signal = this.interrupt } = options;
    const response = await this.#transport.stream({ method: 'HEAD', path: address(path, options), deadlineMs, signal });
    response.resume();
    if (response.statusCode === 404) return undefined;
    if ((response.statusCode ?? 0) >= 400) throw await refusedStream(response);
    return response.headers;
  }

  /** Sends a body that may be long; there is no deadline for it. */
  upload(path: string, content: AsyncIterable<Buffer>, options: RequestOptions = {}): Promise<void> {
    const { signal = this.interrupt } = options;
    const headers = { 'Content-Type': 'application/x-tar' };
    return this.#transport.upload({ method: 'PUT', path: address(path, options), headers, deadlineMs: Infinity, signal }, content);
  }

  /** Takes a connection over. */
  hijack(path: string, body: unknown, options: RequestOptions = {}): Promise<HijackedSocket> {
    const { deadlineMs = answerDeadlineMs, signal = this.interrupt } = options;
    return this.#transport.hijack({ method: 'POST', path: address(path, options), body, deadlineMs, signal });
  }

  close(): void {
    this.#transport.close();
  }

  #send(method: 'GET' | 'POST' | 'DELETE', path: string, body: unknown, options: RequestOptions): Promise<unknown> {
    const { deadlineMs = answerDeadlineMs, signal = this.interrupt, headers } = options;
    return this.#transport.send({ method, path: address(path, options), body, headers, deadlineMs, signal });
  }
}

function address(path: string, { query = {}, filters }: RequestOptions): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  if (filters && Object.keys(filters).length > 0) parameters.set('filters', filterQuery(filters));
  const versioned = path.startsWith('/shoal/') ? path : `/${apiVersion}${path}`;
  const text = parameters.toString();
  return text ? `${versioned}?${text}` : versioned;
}
