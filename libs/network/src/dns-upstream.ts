import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { Temporary } from '../../base/src/index.js';
import type { Clock, Random } from '../../base/src/index.js';

/** Questions that are not the cluster's go, as they came, to the configured nameservers, one after the other. */
export interface Upstream {
  /** The first answer that is no failure. `Temporary` when no server gave one. */
  ask(question: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer>;
}

/** One for each list of servers that somebody is to ask; without a list those of the node. `undefined`: nobody is to be asked. */
export function upstreams(ofNode: readonly string[], tools: UpstreamTools): (servers: readonly string[] | undefined) => Upstream | undefined {
  const known = new Map<string, Upstream | undefined>();
  return (servers = ofNode) => {
    const key = servers.join(' ');
    if (!known.has(key)) known.set(key, servers.length > 0 ? configuredUpstream(servers, tools) : undefined);
    return known.get(key);
  };
}

export interface UpstreamTools {
  random: Random;
  clock: Clock;
  /** Ends every question on its way. */
  signal: AbortSignal;
}

const perServerTimeoutMs = 2_000;
/** A server that did not answer is asked after the others for so long: not every question shall wait for it. */
const silenceMs = 10_000;
const nameserverPort = 53;
const serverFailure = 2;
const headerBytes = 12;

function configuredUpstream(servers: readonly string[], tools: UpstreamTools): Upstream {
  const silentSinceMs = new Map<string, number>();
  const isSilent = (server: string) => tools.clock.monotonicMs() - (silentSinceMs.get(server) ?? -Infinity) < silenceMs;
  return {
    async ask(question, transport) {
      const reasons: string[] = [];
      for (const server of [...servers.filter((one) => !isSilent(one)), ...servers.filter(isSilent)]) {
        try {
          const answer = await (transport === 'udp' ? askDatagram : askStream)(server, question, tools);
          if ((answer.readUInt8(3) & 0x0f) !== serverFailure) return answer;
          reasons.push(`${server} failed`);
        } catch (error) {
          if (tools.signal.aborted) throw error;
          silentSinceMs.set(server, tools.clock.monotonicMs());
          reasons.push(`${server}: ${String(error)}`);
        }
      }
      throw new Temporary(`no nameserver answered: ${reasons.join('; ')}`);
    },
  };
}

/** A fresh socket and id per question, so that a forged answer has two numbers to guess. */
function askDatagram(server: string, question: Buffer, tools: UpstreamTools): Promise<Buffer> {
  const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4');
  const id = tools.random.below(0x10000);
  return attempt(tools, () => socket.close(), (resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (answer) => {
      if (answer.length >= headerBytes && answer.readUInt16BE(0) === id) resolve(withId(answer, question.readUInt16BE(0)));
    });
    socket.connect(nameserverPort, server, () => socket.send(withId(question, id)));
  });
}

function askStream(server: string, question: Buffer, tools: UpstreamTools): Promise<Buffer> {
  const socket = connect(nameserverPort, server);
  const id = tools.random.below(0x10000);
  return attempt(tools, () => socket.destroy(), (resolve, reject) => {
    let received = Buffer.alloc(0);
    socket.on('error', reject);
    socket.on('end', () => reject(new Temporary('it closed the connection')));
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
      const length = received.length < 2 ? Infinity : received.readUInt16BE(0);
      if (received.length < 2 + length) return;
      if (length < headerBytes) return reject(new Temporary('it sent no answer'));
      resolve(withId(received.subarray(2, 2 + length), question.readUInt16BE(0)));
    });
    socket.write(streamFrame(withId(question, id)));
  });
}

/** One try with its deadline; `release` runs once, however it ends. */
function attempt(
  { clock, signal }: UpstreamTools,
  release: () => void,
  start: (resolve: (answer: Buffer) => void, reject: (error: Error) => void) => void,
): Promise<Buffer> {
  const releases = [release];
  const result = new Promise<Buffer>((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort);
    releases.push(() => signal.removeEventListener('abort', onAbort));
    releases.push(clock.after(perServerTimeoutMs, () => reject(new Temporary(`no answer within ${perServerTimeoutMs} ms`))));
    start(resolve, reject);
  });
  return result.finally(() => releases.forEach((end) => end()));
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
