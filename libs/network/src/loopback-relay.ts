import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { meshSideAddress } from './addresses.js';
import type { NodeNetworkView } from './network.js';
import { boundPorts, publishedAddress } from './published-ports.js';
import type { Protocol } from '../../model/src/index.js';

/**
 * Published ports at the host's ::1. The kernel drops what answers ::1 from elsewhere, so no rule can lead from there into the mesh:
 * this process listens, and carries what it hears. Its connections end with it.
 */
export interface LoopbackPort {
  protocol: 'tcp' | 'udp';
  port: number;
  /** In the mesh. */
  to: string;
}

export function loopbackPorts(view: NodeNetworkView): LoopbackPort[] {
  const found = new Map<string, LoopbackPort>();
  const add = (protocol: Protocol, port: number, hostIps: readonly string[] | undefined, hasIpv6: boolean) => {
    const key = `${protocol} ${port}`;
    if (view.heldPorts?.some((held) => held.protocol === protocol && held.port === port)) return;
    if (protocol === 'sctp' || found.has(key) || (hostIps && !hostIps.includes(loopback))) return;
    found.set(key, { protocol, port, to: hostIps ? names().get(loopback)! : meshSideAddress[hasIpv6 ? 6 : 4] });
  };
  const names = once(() => new Map(boundPorts(view, 6).map(({ hostIp, alias }) => [hostIp, alias])));
  for (const { hostPorts, networks } of view.containers) {
    for (const { protocol = 'tcp', publishedPort, traffic } of hostPorts) if (publishedPort) add(protocol, publishedPort, traffic?.hostIps, publishedAddress(networks, 6) !== undefined);
  }
  for (const { ports, endpoints } of view.services) {
    const hasIpv6 = endpoints.some(({ addresses }) => publishedAddress(addresses, 6) !== undefined);
    for (const { protocol, publishedPort, hostIps } of ports) add(protocol, publishedPort, hostIps, hasIpv6);
  }
  return [...found.values()];
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

const loopback = '::1';
const idleDatagramsMs = 60_000;
/** Of one port. */
const maxDatagramClients = 1024;

export class LoopbackRelay {
  readonly #listeners = new Map<string, { close(): void }>();

  /** `failed`: a port that cannot be listened at, because somebody else does. It is tried again with the next call. */
  constructor(private readonly failed: (port: LoopbackPort, error: Error) => void) {}

  /** Exactly these from now on. Open connections go on. */
  serve(ports: readonly LoopbackPort[]): void {
    const wanted = new Map(ports.map((port) => [`${port.protocol} ${port.port} ${port.to}`, port]));
    for (const [key, listener] of this.#listeners) if (!wanted.has(key)) this.#forget(key, listener);
    for (const [key, port] of wanted) {
      if (this.#listeners.has(key)) continue;
      const fail = (error: Error) => {
        this.#listeners.delete(key);
        this.failed(port, error);
      };
      this.#listeners.set(key, port.protocol === 'tcp' ? carryConnections(port, fail) : carryDatagrams(port, fail));
    }
  }

  close(): void {
    for (const [key, listener] of this.#listeners) this.#forget(key, listener);
  }

  #forget(key: string, listener: { close(): void }): void {
    this.#listeners.delete(key);
    listener.close();
  }
}

function carryConnections({ port, to }: LoopbackPort, failed: (error: Error) => void): Server {
  const server = createServer({ allowHalfOpen: true }, (client) => join(client, connect({ host: to, port, allowHalfOpen: true })));
  return server.on('error', failed).listen({ host: loopback, port, ipv6Only: true }).unref();
}

/** When one side fails, the other is reset. */
function join(client: Socket, task: Socket): void {
  client.on('error', () => task.resetAndDestroy()).pipe(task);
  task.on('error', () => client.resetAndDestroy()).pipe(client);
}

/** One socket per client towards the mesh, so that answers find their way; forgotten when nothing has come for a while. */
function carryDatagrams({ port, to }: LoopbackPort, failed: (error: Error) => void): { close(): void } {
  const server = createSocket({ type: 'udp6', ipv6Only: true });
  const clients = new Map<number, { socket: DatagramSocket; timer: NodeJS.Timeout }>();
  const forget = (clientPort: number) => {
    const client = clients.get(clientPort);
    clients.delete(clientPort);
    clearTimeout(client?.timer);
    client?.socket.close();
  };
  server.on('error', (error) => {
    server.close();
    failed(error);
  });
  server.on('message', (message, from) => {
    const client = clients.get(from.port) ?? open(from.port);
    client.timer.refresh();
    client.socket.send(message, port, to, () => undefined); // a datagram may be lost
  });
  function open(clientPort: number): { socket: DatagramSocket; timer: NodeJS.Timeout } {
    const [oldest] = clients.keys();
    if (clients.size >= maxDatagramClients && oldest !== undefined) forget(oldest);
    const socket = createSocket(to.includes(':') ? 'udp6' : 'udp4').unref();
    socket.on('message', (message) => {
      clients.get(clientPort)?.timer.refresh();
      server.send(message, clientPort, loopback, () => undefined);
    });
    socket.on('error', () => forget(clientPort));
    const client = { socket, timer: setTimeout(() => forget(clientPort), idleDatagramsMs).unref() };
    clients.set(clientPort, client);
    return client;
  }
  server.bind({ port, address: loopback }).unref();
  return {
    close() {
      for (const clientPort of clients.keys()) forget(clientPort);
      server.close();
    },
  };
}
