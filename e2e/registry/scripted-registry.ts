import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface ScriptedRegistry {
  /** How it answers from now on. */
  answer: Answer;
  stop(): Promise<void>;
}

/** A registry that misbehaves as told. */
export async function startScriptedRegistry(host: string, port: number): Promise<ScriptedRegistry> {
  const server = createServer((request, response) => registry.answer(request, response));
  const registry: ScriptedRegistry = {
    answer: status(404),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  return registry;
}

/** The same status to everything, in the distribution protocol's form. */
export function status(code: number, errorCode = 'UNKNOWN', message = 'no words'): Answer {
  return (_request, response) => {
    response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify({ errors: [{ code: errorCode, message }] }));
  };
}

export function garbage(text: string): Answer {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(text);
  };
}

/**
 * An image whose manifest and config are right; `sent` is what comes when the layer is asked for. With `hangs` the connection
 * stays open after it, as if more were to come.
 */
export function imageWithLayer(layer: { promised: Buffer; sent: Buffer; hangs?: boolean }): Answer {
  const config = Buffer.from(
    JSON.stringify({ architecture: 'amd64', os: 'linux', config: { Cmd: ['/x'] }, rootfs: { type: 'layers', diff_ids: [digestOf(layer.promised)] } }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf(layer.promised), size: layer.promised.length }],
    }),
  );
  const blobs = new Map([
    [digestOf(config), config],
    [digestOf(layer.promised), layer.sent],
  ]);
  return (request, response) => {
    const path = request.url ?? '';
    const blob = blobs.get(path.slice(path.lastIndexOf('/') + 1));
    if (path.includes('/manifests/')) {
      response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json', 'docker-content-digest': digestOf(manifest), 'content-length': manifest.length });
      response.end(request.method === 'HEAD' ? undefined : manifest);
    } else if (blob === layer.sent && layer.hangs) {
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': layer.promised.length }).write(blob);
    } else if (blob) {
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': blob.length }).end(blob);
    } else {
      status(path === '/v2/' ? 200 : 404)(request, response);
    }
  };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
