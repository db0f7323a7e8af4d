import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Store } from '../../../../../libs/store/src/index.js';
import { answerOf, ApiError } from '../../http/api-error.js';
import { splitVersion } from '../../http/api-version.js';
import { STORE } from '../../http/tokens.js';
import { attachFrom } from './attach-request.js';
import { HijackedConnection, readHijackedBody } from './client-stream.js';
import { findContainer, requireLive } from './cluster-container.js';
import { Consoles } from './consoles.js';
import { consoleType } from './exec.controller.js';
import { startFrom } from './exec-request.js';
import { Execs } from './execs.js';

const maxBodyBytes = 64 * 1024;

/** Requests that take their connection over: `Upgrade: tcp`, as the docker CLI execs and attaches. */
@Injectable()
export class ConsoleUpgrades implements OnModuleDestroy {
  readonly #connections = new Set<Duplex>();

  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(Execs) private readonly execs: Execs,
    @Inject(Consoles) private readonly consoles: Consoles,
  ) {}

  /** Serves one request, whose connection is ours from now on. Never throws. */
  async serve(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    this.#connections.add(socket);
    socket.once('close', () => this.#connections.delete(socket));
    socket.on('error', () => socket.destroy());
    try {
      const { body, rest } = await readHijackedBody(request, socket, head, maxBodyBytes);
      const url = new URL(splitVersion(request.url ?? '/').path, 'http://manager');
      const [, noun, id, verb] = /^\/(exec|containers)\/([^/]+)\/(start|attach)$/.exec(url.pathname) ?? [];
      if (request.method === 'POST' && noun === 'exec' && verb === 'start') return await this.#startExec(decodeURIComponent(id!), body, socket, rest);
      if (request.method === 'POST' && noun === 'containers' && verb === 'attach') return await this.#attach(decodeURIComponent(id!), url.searchParams, socket, rest);
      throw new ApiError(404, 'page not found');
    } catch (error) {
      refuse(socket, error);
    }
  }

  onModuleDestroy(): void {
    for (const socket of this.#connections) socket.destroy();
  }

  async #startExec(id: string, body: Buffer, socket: Duplex, rest: Buffer): Promise<void> {
    const exec = this.execs.require(id);
    const start = startFrom(parseBody(body));
    this.execs.begin(exec);
    accept(socket, consoleType(exec.operation.tty));
    await this.consoles.run(exec, start, new HijackedConnection(socket, rest));
  }

  async #attach(id: string, query: URLSearchParams, socket: Duplex, rest: Buffer): Promise<void> {
    const container = requireLive(findContainer(this.store.view(), id));
    const isSet = (key: string) => !['', '0', 'no', 'false', 'none'].includes((query.get(key) ?? '').trim().toLowerCase());
    const { operation, detachKeys } = attachFrom(isSet, query.get('detachKeys') ?? '');
    accept(socket, consoleType(container.template?.container.tty ?? false));
    await this.consoles.attach(container, operation, detachKeys, new HijackedConnection(socket, rest));
  }
}

function parseBody(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new ApiError(400, `invalid JSON: ${(error as Error).message}`);
  }
}

function accept(socket: Duplex, contentType: string): void {
  socket.write(`HTTP/1.1 101 UPGRADED\r\nContent-Type: ${contentType}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`);
}

function refuse(socket: Duplex, error: unknown): void {
  if (socket.destroyed || socket.writableEnded) return;
  const { status, body } = answerOf(error);
  const text = JSON.stringify(body);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`);
}
