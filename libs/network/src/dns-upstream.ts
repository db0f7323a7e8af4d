import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { Temporary } from '../../base/src/index.js';
import type { Random } from '../../base/src/index.js';

/** Questions that are not the cluster's go, as they came, to the configured nameservers, one after the other. */
export interface Upstream {
  /** The first answer that is no failure. `Temporary` when no server gave one. */
  ask(question: Buffer, transport: 'udp' | 'tcp', signal: AbortSignal): Promise<Buffer>;
}

const perServerTimeoutMs = 2_000;
const nameserverPort = 53;
const serverFailure = 2;

export function configuredUpstream(servers: readonly string[], random: Random): Upstream {
  return {
    async ask(question, transport, signal) {
      const reasons: string[] = [];
      for (const server of servers) {
        try {
          const attempt = AbortSignal.any([signal, AbortSignal.timeout(perServerTimeoutMs)]);
          const answer = await (transport === 'udp' ? askDatagram : askStream)(server, question, random, attempt);
          if ((answer.readUInt8(3) & 0x0f) !== serverFailure) return answer;
          reasons.push(`${server} failed`);
        } catch (error) {
          if (signal.aborted) throw error;
          reasons.push(`${server}: ${String(error)}`);
        }
      }
      throw new Temporary(`no nameserver answered (${reasons.join('; ') || 'none is configured'})`);
    },
  };
}

/** A fresh socket and id per question, so that a forged answer has two numbers to guess. */
function askDatagram(server: string, question: Buffer, random: Random, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4');
    const id = random.below(0x10000);
    const finish = (end: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.close();
      end();
    };
    const onAbort = () => finish(() => reject(signal.reason as Error));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', (error) => finish(() => reject(error)));
    socket.on('message', (answer) => {
      if (answer.length < 12 || answer.readUInt16BE(0) !== id) return;
      finish(() => resolve(withId(answer, question.readUInt16BE(0))));
    });
    socket.connect(nameserverPort, server, () => socket.send(withId(question, id)));
  });
}

function askStream(server: string, question: Buffer, random: Random, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(nameserverPort, server);
    const id = random.below(0x10000);
    const finish = (end: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      end();
    };
    const onAbort = () => finish(() => reject(signal.reason as Error));
    signal.addEventListener('abort', onAbort, { once: true });
    let received = Buffer.alloc(0);
    socket.on('error', (error) => finish(() => reject(error)));
    socket.on('end', () => finish(() => reject(new Temporary(`${server} closed the connection`))));
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      finish(() => resolve(withId(received.subarray(2), question.readUInt16BE(0))));
    });
    socket.write(streamFrame(withId(question, id)));
  });
}

/** A message as it travels over TCP: its length first. */
export function streamFrame(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

function withId(message: Buffer, id: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  return copy;
}
