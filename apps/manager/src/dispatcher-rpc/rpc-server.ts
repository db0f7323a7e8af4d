import { Server, status, type sendUnaryData, type ServerReadableStream, type ServerUnaryCall } from '@grpc/grpc-js';
import { Temporary } from '../../../../libs/base/src/index.js';
import type { NodeSessions } from '../../../../libs/control/src/index.js';
import type { KeyPair } from '../../../../libs/identity/src/index.js';
import { channelOptions, dispatcherService, nodeCaService, type IssueReply, type IssueRequest, type LogAck, type LogMessage } from '../../../../libs/wire/src/index.js';
import type { NodeCa } from '../identity/node-ca.js';
import { requireNode, rpcError, toRpcError } from './caller.js';
import type { ContainerBroker, ContainerCall } from './container-broker.js';
import type { LogBroker } from './log-broker.js';
import { serverCredentials } from './server-credentials.js';
import { serveStream, type SessionStream } from './session-stream.js';

export interface RpcServerOptions {
  address: string;
  clusterId: string;
  caCertificate: string;
  identity: KeyPair;
  nodeCa: NodeCa;
  logBroker: LogBroker;
  containerBroker: ContainerBroker;
  /** The sessions of this manager's current leadership; `undefined` while it does not lead. */
  sessions(): NodeSessions | undefined;
}

/**
 * The manager's gRPC port: translates calls and checks who makes them. An own grpc-js server, because Nest's
 * transport buffers without bound for a slow reader.
 */
export class RpcServer {
  readonly #server = new Server(channelOptions);

  constructor(private readonly options: RpcServerOptions) {
    this.#server.addService(nodeCaService, { issueCertificate: this.#issueCertificate.bind(this) });
    this.#server.addService(dispatcherService, { session: this.#session.bind(this), logs: this.#logs.bind(this), container: this.#container.bind(this) });
  }

  /** Resolves with the port, for addresses that leave its choice open. */
  listen(): Promise<number> {
    const { address, caCertificate, identity } = this.options;
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, serverCredentials(caCertificate, identity), (error, port) => {
        if (error) reject(new Temporary(`cannot listen on ${address}: is another manager running on this host?`, { cause: error }));
        else resolve(port);
      });
    });
  }

  close(): void {
    this.#server.forceShutdown();
  }

  #issueCertificate(call: ServerUnaryCall<IssueRequest, IssueReply>, done: sendUnaryData<IssueReply>): void {
    this.options.nodeCa.issue(call.request, peerAddress(call.getPeer())).then(
      (reply) => done(null, reply),
      (error: unknown) => done(toRpcError(error)),
    );
  }

  #session(stream: SessionStream): void {
    try {
      const identity = requireNode(stream, this.options.clusterId);
      const sessions = this.options.sessions();
      if (!sessions) throw rpcError(status.UNAVAILABLE, 'this manager does not lead: ask another');
      serveStream(stream, identity.nodeId, sessions);
    } catch (error) {
      stream.emit('error', toRpcError(error));
    }
  }

  #container(call: ContainerCall): void {
    try {
      const { nodeId } = requireNode(call, this.options.clusterId);
      void this.options.containerBroker.receive(call, nodeId);
    } catch (error) {
      call.emit('error', toRpcError(error));
    }
  }

  #logs(stream: ServerReadableStream<LogMessage, LogAck>, done: sendUnaryData<LogAck>): void {
    try {
      requireNode(stream, this.options.clusterId);
      this.options.logBroker.receive(stream, () => done(null, {}));
    } catch (error) {
      done(toRpcError(error));
    }
  }
}

/** grpc-js gives `10.0.0.7:41234`, `[::1]:41234` or `ipv6:…`: the address alone. */
function peerAddress(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^\[|\]$/g, '').replace(/^::ffff:/, '');
}
