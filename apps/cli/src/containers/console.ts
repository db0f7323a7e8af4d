import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { framesOf } from '../api-client/frames.js';
import type { HijackedSocket } from '../api-client/transport.js';
import type { StandardStreams } from '../session.js';

export interface ConsoleOptions {
  streams: StandardStreams;
  tty: boolean;
  interactive: boolean;
  /** Tells the other end how large the terminal is. */
  resize: (rows: number, columns: number) => Promise<unknown>;
}

/** Joins this terminal, or these pipes, with a process far away. Resolves when it has no more to say. */
export async function converse({ socket, head }: HijackedSocket, options: ConsoleOptions): Promise<void> {
  const { streams, tty, interactive } = options;
  const { stdin, stdout, stderr } = streams;
  const restore = tty && interactive ? rawMode(stdin) : () => undefined;
  const stopFollowing = tty ? followSize(options) : () => undefined;
  socket.on('error', () => socket.destroy()); // what a broken connection means, the exit code tells, or its lack
  if (interactive) stdin.pipe(socket);
  else socket.end();
  try {
    const output = bytesOf(socket, head);
    if (tty) for await (const bytes of output) await put(stdout, bytes);
    else for await (const { stream, payload } of framesOf(output)) await put(stream === 2 ? stderr : stdout, payload);
  } finally {
    stopFollowing();
    if (interactive) {
      stdin.unpipe(socket);
      stdin.pause();
    }
    restore();
    socket.destroy();
  }
}

function rawMode(stdin: StandardStreams['stdin']): () => void {
  stdin.setRawMode?.(true);
  // Node's raw mode still turns a line feed into two characters, which moves the cursor of full-screen programs.
  if (stdin.isTTY) spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
  return () => void stdin.setRawMode?.(false);
}

function followSize({ streams: { stdout }, resize }: ConsoleOptions): () => void {
  // A size that does not arrive makes the screen ugly, no more.
  const tell = () => {
    if (stdout.rows && stdout.columns) resize(stdout.rows, stdout.columns).catch(() => undefined);
  };
  tell();
  stdout.on('resize', tell);
  return () => void stdout.off('resize', tell);
}

async function* bytesOf(socket: HijackedSocket['socket'], head: Buffer): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  try {
    yield* socket as AsyncIterable<Buffer>;
  } catch {
    return; // broken off
  }
}

async function put(stream: Writable, bytes: Uint8Array): Promise<void> {
  if (!stream.write(bytes)) await once(stream, 'drain');
}
