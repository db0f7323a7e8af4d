import { createSocket } from 'node:dgram';
import { closeSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { Temporary } from '../../base/src/index.js';
import type { Lifetime } from '../../base/src/index.js';
import { addressBytes, nameserverAddress } from './addresses.js';
import type { Respond } from './dns-responder.js';
import { streamFrame } from './dns-upstream.js';
import { inNamespace } from './namespaces.js';
import { isErrno } from './netlink.js';
import { addressFamily, bindInet, openSocket, setSocketOption, socketType } from './syscalls.js';

const port = 53;
const idleConnectionMs = 5_000;
const maxConnections = 1_000;
/** So that one container cannot take them all. */
const maxConnectionsPerClient = 50;
/** Of one connection, sent before it has read the answers to those before. */
const maxUnanswered = 100;
const solSocket = 1;
const reuseAddress = 2;

/** The nameserver's sockets, bound and not yet read from: the kernel keeps the questions that come meanwhile. */
export interface NameserverSockets {
  datagram: number;
  stream: number;
}

/**
 * Made in the mesh's namespace, where they stay; the process does not.
 * They must be bound to the very address: bound to any, replies would leave with another source.
 */
export function bindNameserver(meshFd: number): NameserverSockets {
  const opened: number[] = [];
  const bound = (type: number): number => {
    const fd = openSocket(addressFamily.inet, type | socketType.nonBlock, 0);
    opened.push(fd);
    if (type === socketType.stream) setSocketOption(fd, solSocket, reuseAddress, 1);
    bindInet(fd, addressBytes(nameserverAddress), port);
    return fd;
  };
  try {
    return inNamespace(meshFd, () => ({ datagram: bound(socketType.datagram), stream: bound(socketType.stream) }));
  } catch (error) {
    for (const fd of opened) closeSync(fd);
    if (!isErrno(error, 'EADDRINUSE')) throw error;
    throw new Temporary(`another process answers DNS at ${nameserverAddress}:${port} in the mesh; is an older agent still running?`, { cause: error });
  }
}

export function closeNameserver({ datagram, stream }: NameserverSockets): void {
  closeSync(datagram);
  closeSync(stream);
}

/** Answers until the lifetime ends, which closes the sockets. */
export async function serveNames(sockets: NameserverSockets, respond: Respond, lifetime: Lifetime, onError: (error: unknown) => void): Promise<void> {
  await serveDatagrams(sockets.datagram, respond, lifetime, onError);
  await serveStreams(sockets.stream, respond, lifetime, onError);
}

async function serveDatagrams(fd: number, respond: Respond, lifetime: Lifetime, onError: (error: unknown) => void): Promise<void> {
  // Answers go to addresses, never to names: the lookup that Node makes of each is done at once.
  const socket = createSocket({ type: 'udp4', lookup: (address, _options, done) => done(null, address, 4) });
  socket.on('error', onError);
  const sent = (error: Error | null) => error && onError(error);
  socket.on('message', (question, { address, port }) => {
    const send = (answer: Buffer | undefined) => answer && !lifetime.signal.aborted && socket.send(answer, port, address, sent);
    const answer = respond(question, address, 'udp');
    if (answer instanceof Promise) void answer.then(send);
    else send(answer);
  });
  await new Promise<void>((resolve) => socket.bind({ fd }, resolve));
  lifetime.own(socket, () => new Promise<void>((resolve) => socket.close(resolve)));
}

async function serveStreams(fd: number, respond: Respond, lifetime: Lifetime, onError: (error: unknown) => void): Promise<void> {
  const connections = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (connection) => {
    const ofClient = [...connections].filter(({ remoteAddress }) => remoteAddress === connection.remoteAddress).length;
    if (ofClient >= maxConnectionsPerClient) return connection.destroy();
    connections.add(connection);
    connection.setTimeout(idleConnectionMs, () => connection.destroy());
    connection.on('error', () => connection.destroy()); // the client's end; the client knows
    connection.on('close', () => connections.delete(connection));
    answerConnection(connection, respond);
  });
  server.maxConnections = maxConnections;
  server.on('error', onError);
  await new Promise<void>((resolve) => server.listen({ fd }, resolve));
  lifetime.own(server, () => {
    for (const connection of connections) connection.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
}

/** A client may send several questions, and may have finished sending before it is answered. */
function answerConnection(connection: Socket, respond: Respond): void {
  let received = Buffer.alloc(0);
  let asked = 0;
  let hasEnded = false;
  const from = connection.remoteAddress ?? '';
  const answered = (answer: Buffer | undefined) => {
    asked--;
    if (answer && !connection.destroyed) connection.write(streamFrame(answer));
    if (hasEnded && asked === 0) connection.end();
  };
  connection.on('data', (data) => {
    received = Buffer.concat([received, data]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const question = received.subarray(2, end);
      received = received.subarray(end);
      asked++;
      if (asked > maxUnanswered) return connection.destroy();
      void Promise.resolve(respond(question, from, 'tcp')).then(answered);
    }
  });
  connection.on('end', () => {
    hasEnded = true;
    if (asked === 0) connection.end();
  });
}
