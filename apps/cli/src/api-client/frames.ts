import type { IncomingMessage } from 'node:http';

/** A piece of a log stream. Stream 1 is stdout, 2 stderr, 3 an error of the manager. */
export interface Frame {
  stream: number;
  payload: Buffer;
}

const headerBytes = 8;

/**
 * Takes a multiplexed stream apart: each frame is `[stream, 0, 0, 0, length big endian]` and its payload.
 * The output of a terminal has no frames and comes as it is.
 */
export async function* demultiplex(body: IncomingMessage, tty: boolean): AsyncGenerator<Frame> {
  const unframed = tty || body.headers['content-type'] === 'application/vnd.docker.raw-stream';
  if (unframed) for await (const payload of body as AsyncIterable<Buffer>) yield { stream: 1, payload };
  else yield* framesOf(body);
}

/** The frames of a stream that has some. */
export async function* framesOf(body: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let rest = Buffer.alloc(0);
  for await (const chunk of body) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    for (let frame = firstFrame(rest); frame; frame = firstFrame(rest)) {
      yield frame;
      rest = rest.subarray(headerBytes + frame.payload.length);
    }
  }
}

function firstFrame(buffer: Buffer): Frame | undefined {
  if (buffer.length < headerBytes) return undefined;
  const end = headerBytes + buffer.readUInt32BE(4);
  return buffer.length < end ? undefined : { stream: buffer[0]!, payload: buffer.subarray(headerBytes, end) };
}
