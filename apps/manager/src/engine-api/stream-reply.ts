import type { FastifyReply } from 'fastify';

/** An answer that goes on: its headers are sent at once, since clients wait for them before they do anything else. */
export interface StreamReply {
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /** Resolves when the client can take more. */
  write(chunk: Buffer | string): Promise<void>;
  end(): void;
}

export function openStream(reply: FastifyReply, contentType: string): StreamReply {
  const abort = new AbortController();
  const response = reply.raw;
  reply.hijack();
  response.once('close', () => abort.abort(new Error('the client has gone')));
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) response.setHeader(name, value);
  response.setHeader('content-type', contentType);
  response.flushHeaders();
  return {
    signal: abort.signal,
    async write(chunk) {
      if (abort.signal.aborted || response.write(chunk)) return;
      await new Promise<void>((resolve) => {
        const done = () => {
          response.off('drain', done);
          response.off('close', done);
          resolve();
        };
        response.once('drain', done);
        response.once('close', done);
      });
    },
    end() {
      response.end();
    },
  };
}
