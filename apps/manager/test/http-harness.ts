import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { seededRandom, systemClock, Temporary, type Random } from '../../../libs/base/src/index.js';
import type { Change, Node, Task, TaskState } from '../../../libs/model/src/index.js';
import { aCluster, aNode } from '../../../libs/model/src/testing/index.js';
import { MemoryStore } from '../../../libs/store/src/index.js';
import { createHttpApp } from '../src/http/app.js';
import type { HttpEvent } from '../src/http/events.js';
import type { HttpProviders, LogLine, LogSource } from '../src/http/tokens.js';
import { listenOnSocket } from '../src/http/unix-socket.js';

export interface HttpHarness {
  store: MemoryStore;
  random: Random;
  socketPath: string;
  /** `get /services/{id}` for every route that the server has. */
  routes: string[];
  /** Lines that tasks "said". */
  logLines: LogLine[];
  /** All that was traced. */
  events: HttpEvent[];
  /** Runs the real docker CLI against the socket. */
  docker(...args: string[]): Promise<CliResult>;
  /** One request, unversioned unless the path says otherwise. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<HttpAnswer>;
  /** A multiplexed stream, one payload at a time. */
  open(path: string): Promise<OpenStream>;
  end(): Promise<void>;
}

export interface OpenStream {
  next(): Promise<string>;
  close(): void;
}

export interface CliResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface HttpAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  json: any;
}

/** The whole HTTP side over a MemoryStore, on a socket of its own. Two nodes: `m1` leads, `w1` works. */
export async function startHttpHarness(options: Partial<Pick<HttpProviders, 'stackReader' | 'containerStreams'>> = {}): Promise<HttpHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-http-'));
  const socketPath = join(folder, 'shoal.sock');
  const store = new MemoryStore();
  const random = seededRandom(7);
  const logLines: LogLine[] = [];
  const events: HttpEvent[] = [];
  const logSource: LogSource = {
    async *logs(taskIds, { follow, signal }) {
      for (const line of logLines) if (taskIds.includes(line.taskId)) yield line;
      if (follow) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    },
  };
  await store.commit(seedChanges());
  const app = await createHttpApp({
    store,
    clock: systemClock,
    random,
    secretSealer: { seal: (data) => `sealed:${data}`, open: (sealed) => sealed.slice('sealed:'.length) },
    logSource,
    containerStreams: { open: () => Promise.reject(new Temporary('no node is connected')) },
    ...options,
    managerInfo: { nodeId: managerNodeId, version: '0.1.0', hostname: 'm1', address: '10.9.0.1:2377', stateDir: '/var/lib/shoal' },
    trace: (event) => void events.push(event),
  });
  const removeSocket = await listenOnSocket(app, socketPath);
  return {
    store,
    random,
    socketPath,
    routes: routesOf(app),
    logLines,
    events,
    docker: (...args) => run('docker', args, { ...process.env, DOCKER_HOST: `unix://${socketPath}`, DOCKER_CONFIG: folder, HOME: folder }),
    call: (method, path, body, headers) => call(socketPath, method, path, body, headers),
    open: (path) => openStream(socketPath, path),
    async end() {
      await app.close();
      await removeSocket();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Out of Fastify's own printed tree, in which a child stands four columns right of its parent and shows the rest of the path. */
function routesOf(app: NestFastifyApplication): string[] {
  const printed = (app.getHttpAdapter().getInstance() as unknown as FastifyInstance).printRoutes({ commonPrefix: false });
  const parents: string[] = [];
  return printed.split('\n').flatMap((line) => {
    const match = /^(.*── )(\S+)(?: \(([A-Z, ]+)\))?$/.exec(line);
    if (!match) return [];
    const depth = match[1]!.length / 4;
    const path = (parents[depth - 1] ?? '') + match[2]!;
    parents[depth] = path;
    return (match[3]?.split(', ') ?? []).map((method) => `${method.toLowerCase()} ${path.replace(/:(\w+)/g, '{$1}')}`);
  });
}

export const managerNodeId = 'm1'.padEnd(25, '0');
export const workerNodeId = 'w1'.padEnd(25, '0');

function seedChanges(): Change[] {
  const joinTokens = { worker: `SHOALTKN-1-${'a'.repeat(64)}-${'w'.repeat(25)}`, manager: `SHOALTKN-1-${'a'.repeat(64)}-${'m'.repeat(25)}` };
  return [
    { action: 'create', kind: 'cluster', object: aCluster({ clusterId: 'c'.padEnd(25, '0'), joinTokens, createdAt: '', updatedAt: '' }) },
    { action: 'create', kind: 'node', object: testNode(managerNodeId, 1, 'm1', 'manager') },
    { action: 'create', kind: 'node', object: testNode(workerNodeId, 2, 'w1', 'worker') },
  ];
}

function testNode(id: string, index: number, hostname: string, role: 'manager' | 'worker'): Node {
  const address = `10.9.0.${index}`;
  const manager = role === 'manager' ? { manager: { address: '10.9.0.1:2377', leader: true, reachable: true } } : {};
  return aNode({ id, index, spec: { role }, status: { address, dataPathAddress: address, ...manager }, description: { hostname, nanoCpus: 2e9, memoryBytes: 4e9 } });
}

let tasksMade = 0;

/** A task of the service's current template, in the store as a real cluster would have it. */
export async function putTask(harness: HttpHarness, serviceName: string, task: Partial<Task> & { slot: number; nodeId: string; state: TaskState; error?: string }): Promise<string> {
  const service = harness.store.view().named('service', serviceName)!;
  const { state, error, ...rest } = task;
  const id = task.id ?? harness.random.id();
  await harness.store.commit([
    {
      action: 'create',
      kind: 'task',
      object: {
        id,
        // Clients sort by it, so no two tasks are of the same age.
        createdAt: new Date(Date.UTC(2026, 0, 1) + tasksMade++ * 1000).toISOString(),
        updatedAt: '',
        serviceId: service.id,
        serviceName,
        templateVersion: service.templateVersion,
        desiredState: state === 'failed' ? 'shutdown' : 'running',
        networks: [],
        hostPorts: [],
        startAfterMs: 0,
        status: { state, timestamp: new Date().toISOString(), message: state === 'running' ? 'started' : state, error: error ?? '', container: { id: 'c'.repeat(64), pid: 1, exitCode: 0 } },
        ...rest,
      },
    },
  ]);
  return id;
}

/** `docker stack deploy` does not wait by default; 28 says so in two lines unless told `--detach`, a flag that 20.10 does not know. */
export function withoutDetachNotice(result: CliResult): CliResult {
  return { ...result, stderr: result.stderr.replace(/^Since --detach=false was not specified, tasks will be created in the background\.\n.*\n/, '') };
}

function run(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<CliResult> {
  return new Promise((resolve) => {
    execFile(command, args, { env, timeout: 30_000, maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      const exitCode = error ? (typeof error.code === 'number' ? error.code : 255) : 0;
      resolve({ exitCode, stdout, stderr });
    });
  });
}

function call(socketPath: string, method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const outgoing = request(
      { socketPath, method, path, headers: { ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }), ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = (response.headers['content-type'] ?? '').startsWith('application/json') && text !== '';
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: isJson ? JSON.parse(text.split('\n')[0]!) : undefined });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

function openStream(socketPath: string, path: string): Promise<OpenStream> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path }, (response) => {
      const frames = framesOf(response);
      resolve({ next: async () => (await frames.next()).value ?? '', close: () => outgoing.destroy() });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

async function* framesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 8 && rest.length >= 8 + rest.readUInt32BE(4)) {
      const end = 8 + rest.readUInt32BE(4);
      yield rest.subarray(8, end).toString();
      rest = rest.subarray(end);
    }
  }
}
