import { Refused, Temporary, type Clock } from '../../base/src/index.js';
import { deferred } from './deferred.js';
import type { ProcessStreams } from './runtime.js';
import { ShimConnection, type ShimEvent } from './shim-connection.js';
import { ShimStreams, type StreamKinds } from './shim-streams.js';

const attachPatienceMs = 30_000;

export interface AttachTarget {
  /** The container's folder, with its shim's socket. */
  directory: string;
  kinds: StreamKinds;
  /** For words: `container web.1`. */
  subject: string;
}

/** Listens to a running container, over a connection of its own: its reader can be slow without harm to anybody. */
export async function attachTo({ directory, kinds, subject }: AttachTarget, clock: Clock, signal: AbortSignal): Promise<ProcessStreams> {
  signal.throwIfAborted();
  const streams = new ShimStreams(kinds, subject);
  const attached = deferred<void>();
  attached.promise.catch(() => undefined); // it may end while we connect: then the wait below says so
  const connection = await ShimConnection.connect(directory, 'shim.sock', {
    ...streams.listener,
    event(event: ShimEvent) {
      if (event.event === 'attached') attached.resolve();
      if (event.event === 'exited') streams.output.end();
    },
    closed() {
      const gone = new Temporary(`the monitor of ${subject} went away, or has more listeners than it can have`);
      attached.reject(gone);
      streams.output.end(gone);
    },
  });
  streams.use(connection);
  const hangUp = () => streams.close();
  signal.addEventListener('abort', hangUp, { once: true });
  connection.socket.once('close', () => signal.removeEventListener('abort', hangUp));
  const cancelDeadline = clock.after(attachPatienceMs, () => attached.reject(new Refused('unsupported', `${subject} was started by a release that could not attach`)));
  try {
    connection.send([['follow', kinds.input ? 1 : 0]]);
    await attached.promise;
    signal.throwIfAborted();
    return streams;
  } catch (error) {
    streams.close();
    throw error;
  } finally {
    cancelDeadline();
  }
}
