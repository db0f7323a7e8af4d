import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Exchange {
  method: string;
  /** With the version prefix, without the query. */
  path: string;
  query: Record<string, string>;
  body: unknown;
  headers: IncomingMessage['headers'];
}

export interface Answer {
  status?: number;
  json?: unknown;
  raw?: Buffer;
  /** The answer has no end; without `raw`, not even a beginning. */
  never?: boolean;
}

export interface StubManager {
  host: string;
  /** What was asked, in order. */
  seen: Exchange[];
  close(): Promise<void>;
}

/** An HTTP server on a unix socket that answers as `answer` says; undefined is 404. */
export async function stubManager(answer: (exchange: Exchange) => Answer | undefined): Promise<StubManager> {
  const directory = mkdtempSync(join(tmpdir(), 'shoal-cli-'));
  const socketPath = join(directory, 'manager.sock');
  const seen: Exchange[] = [];
  const server = createServer((request, response) => void serve(request, response, seen, answer));
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    host: `unix://${socketPath}`,
    seen,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true });
    },
  };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  seen: Exchange[],
  answer: (exchange: Exchange) => Answer | undefined,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const url = new URL(request.url!, 'http://stub');
  const text = Buffer.concat(chunks).toString();
  const exchange: Exchange = {
    method: request.method!,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    body: text ? JSON.parse(text) : undefined,
    headers: request.headers,
  };
  seen.push(exchange);
  const { status = 200, json, raw, never } = answer(exchange) ?? { status: 404, json: { message: 'page not found' } };
  if (never && !raw) return;
  response.writeHead(status, { 'Content-Type': 'application/json' });
  if (never) return void response.write(raw);
  response.end(raw ?? (json === undefined ? undefined : JSON.stringify(json)));
}

/** One recorded run of the docker CLI against a real engine. */
export interface Recording {
  argv: string[];
  exitCode: number;
  stdout: string;
  stderr: string;
  exchanges: RecordedExchange[];
}

interface RecordedExchange {
  method: string;
  path: string;
  query: Record<string, unknown>;
  status: number;
  responseHeaders: Record<string, string>;
  responseBody: { json?: unknown; empty?: boolean; frames?: { stream: number; text: string }[] };
}

export function readRecording(name: string): Recording {
  return JSON.parse(readFileSync(new URL(`recordings/${name}.json`, import.meta.url), 'utf8')) as Recording;
}

/** Answers each request with what the engine answered to the same method, path and query. */
export function replay(recording: Recording): (exchange: Exchange) => Answer | undefined {
  return (exchange) => {
    const same = recording.exchanges.filter((r) => r.method === exchange.method && r.path === exchange.path);
    const found = same.find((r) => canonical(r.query) === canonical(exchange.query)) ?? (isIdList(exchange) ? undefined : same[0]);
    if (!found) return listFromSingles(recording, exchange) ?? nobodyWaits(exchange);
    const { json, frames } = found.responseBody;
    return { status: found.status, json, raw: frames && Buffer.concat(frames.map(frame)) };
  };
}

function isIdList({ method, path, query }: Exchange): boolean {
  return method === 'GET' && /\/(services|nodes)$/.test(path) && (query['filters'] ?? '').startsWith('{"id"');
}

/** docker asks for names one by one, shoal for all at once: the list is made of the single answers. */
function listFromSingles(recording: Recording, exchange: Exchange): Answer | undefined {
  if (!isIdList(exchange)) return undefined;
  const { id = {} } = JSON.parse(exchange.query['filters']!) as { id?: Record<string, true> };
  const singles = recording.exchanges.filter((r) => r.path.startsWith(`${exchange.path}/`) && r.status === 200);
  const objects = singles.flatMap((r) => (r.responseBody.json as { ID: string } | undefined) ?? []);
  return { json: objects.filter((object) => object.ID in id) };
}

/** Beside a stack's tasks shoal asks for its services: docker has none that wait for others. */
function nobodyWaits({ method, path, query }: Exchange): Answer | undefined {
  return method === 'GET' && path.endsWith('/services') && (query['filters'] ?? '').includes('com.docker.stack.namespace') ? { json: [] } : undefined;
}

/** A query with its parameters, and the keys of its filters, in one order. */
function canonical(query: Record<string, unknown>): string {
  const filters = query['filters'];
  const parsed: unknown = typeof filters === 'string' ? JSON.parse(filters) : filters;
  return JSON.stringify(sorted({ ...query, filters: parsed }));
}

function sorted(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => [key, sorted(inner)]);
}

/** One frame of a multiplexed log stream. */
export function frame({ stream, text }: { stream: number; text: string }): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** The second in which the engine answered last: what "now" was for the docker CLI. */
export function recordedSecondMs(recording: Recording): number {
  return Math.max(...recording.exchanges.map((e) => Date.parse(e.responseHeaders['Date'] ?? '') || 0));
}
