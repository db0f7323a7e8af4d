import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { ApiError } from './api-error.js';
import { apiVersion, refuseVersion, splitVersion } from './api-version.js';

/** Stacks carry the files they name, base64 and all. */
const maxBodyBytes = 64 * 1024 * 1024;

const archiveType = 'application/x-tar';

const versionOf = new WeakMap<object, string>();

/** Fastify with the Docker Engine API's habits on the wire; everything above it is plain controllers. */
export function createAdapter(options: { version: string }): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit: maxBodyBytes,
    // Clients put long lists of ids into the filters of a GET.
    http: { maxHeaderSize: 1024 * 1024 },
    // A HEAD route exists where Docker has one.
    exposeHeadRoutes: false,
    // Keep-alive connections of clients must not hold up an end.
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 4096 },
    rewriteUrl(request: IncomingMessage) {
      const { version, path } = splitVersion(request.url ?? '/');
      if (version !== undefined) versionOf.set(request, version);
      return path;
    },
  });
  const fastify = adapter.getInstance() as unknown as FastifyInstance;
  parseBodies(fastify);
  addHeaders(fastify, options.version);
  return adapter;
}

/** Headers of every answer, also of those that are written past Fastify. */
function commonHeaders(version: string): Record<string, string> {
  return { 'Api-Version': apiVersion, 'Docker-Experimental': 'false', Ostype: 'linux', Server: `Shoal/${version} (linux)` };
}

function addHeaders(fastify: FastifyInstance, version: string): void {
  const headers = commonHeaders(version);
  fastify.addHook('onRequest', async (request, reply) => {
    void reply.headers(headers);
    const refusal = refuseVersion(versionOf.get(request.raw));
    if (refusal !== undefined) throw new ApiError(400, refusal);
  });
  // Docker's client reads an error only from exactly this type: no charset.
  fastify.addHook('onSend', async (_request, reply, payload) => {
    const type = reply.getHeader('content-type');
    if (typeof type === 'string' && type.startsWith('application/json')) void reply.header('content-type', 'application/json');
    return payload;
  });
}

/** Every body is JSON; an empty one is `undefined`, whatever its type says. */
function parseBodies(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  // An archive for a container passes through. The docker CLI calls it text.
  fastify.addHook('onRequest', async (request) => {
    if (request.method === 'PUT' && request.routeOptions.url === '/containers/:id/archive') request.headers['content-type'] = archiveType;
  });
  fastify.addContentTypeParser(archiveType, (_request, body, done) => done(null, body));
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      done(null, parseJsonBody(request.headers['content-type'], body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
}

function parseJsonBody(contentType: string | undefined, body: Buffer): unknown {
  if (body.length === 0) return undefined;
  const type = (contentType ?? '').split(';')[0]!.trim().toLowerCase();
  if (type !== 'application/json') {
    throw new ApiError(400, `Content-Type specified (${contentType ?? ''}) must be 'application/json'`);
  }
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new ApiError(400, `invalid JSON: ${(error as Error).message}`);
  }
}
