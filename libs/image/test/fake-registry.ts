import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Blob, TestImage } from './test-image.js';

export type Handler = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/** A registry that misbehaves on request: `script` sees every request first and answers it by returning true. */
export class FakeRegistry {
  readonly requests: { method: string; url: string; authorization: string | undefined; range: string | undefined }[] = [];
  script: Handler = () => false;
  readonly #manifests = new Map<string, Blob>();
  readonly #blobs = new Map<string, Blob>();
  readonly #server: Server;

  private constructor(tls?: { key: string; cert: string }) {
    const serve = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response);
    this.#server = tls ? createTlsServer(tls, serve) : createServer(serve);
  }

  static async start(tls?: { key: string; cert: string }): Promise<FakeRegistry> {
    const registry = new FakeRegistry(tls);
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  add(tag: string, image: TestImage): void {
    this.addManifest(tag, image.manifest);
    for (const blob of [image.config, ...image.layers]) this.#blobs.set(blob.digest, blob);
  }

  addManifest(tag: string, manifest: Blob): void {
    this.#manifests.set(tag, manifest);
    this.#manifests.set(manifest.digest, manifest);
  }

  /** Serves other bytes under a digest than its own. */
  replaceBlob(digest: string, bytes: Buffer): void {
    this.#blobs.set(digest, { ...this.#blobs.get(digest)!, bytes });
  }

  blobRequests(digest: string): number {
    return this.requests.filter((request) => request.url.endsWith(digest)).length;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    this.requests.push({ method, url, authorization: request.headers.authorization, range: request.headers.range });
    if (await this.script(request, response)) return;
    const [, kind, name = ''] = /^\/v2\/.+\/(manifests|blobs)\/([^/]+)$/.exec(url) ?? [];
    const found = kind === 'manifests' ? this.#manifests.get(name) : kind === 'blobs' ? this.#blobs.get(name) : undefined;
    if (!found) {
      response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }));
      return;
    }
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const body = found.bytes.subarray(from);
    const headers: Record<string, string | number> = { 'content-type': found.mediaType, 'content-length': body.length };
    if (kind === 'manifests') headers['docker-content-digest'] = found.digest;
    if (from > 0) headers['content-range'] = `bytes ${from}-${found.bytes.length - 1}/${found.bytes.length}`;
    response.writeHead(from > 0 ? 206 : 200, headers).end(method === 'HEAD' ? undefined : body);
  }
}
