import { readFileSync } from 'node:fs';
import { InterceptingCall, type Interceptor } from '@grpc/grpc-js';
import { noop } from 'cockatiel';
import { Etcd3, type IOptions } from 'etcd3';
import type { Clock } from '../../../base/src/index.js';

/** Files in PEM. */
export interface EtcdTls {
  ca: string;
  certificate: string;
  key: string;
  /** Name that the server's certificate bears. Needed where an endpoint is an IP address: TLS knows no names that are addresses. */
  serverName?: string;
}

export interface EtcdClientOptions {
  /** `http://127.0.0.1:2379`, `https://…`, or `unix:/path`; the first is preferred. */
  endpoints: string[];
  tls?: EtcdTls;
  clock: Clock;
  /**
   * How often a quiet connection is probed; a frozen etcd is noticed a second later. Below 5 s etcd must run with
   * `--grpc-keepalive-min-time=1s`, or it cuts the connection for "too many pings".
   */
  keepaliveMs?: number;
}

/** One etcd3 client per endpoint; moves on when one fails, instead of picking at random. */
export class Rotation {
  readonly #clients: Etcd3[];
  #index = 0;

  constructor(options: EtcdClientOptions, interceptors: Interceptor[]) {
    this.#clients = options.endpoints.map((endpoint) => new Etcd3(clientOptions(options, endpoint, interceptors)));
  }

  current(): Etcd3 {
    return this.#clients[this.#index]!;
  }

  rotate(): void {
    this.#index = (this.#index + 1) % this.#clients.length;
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

function clientOptions({ tls, keepaliveMs = 2000 }: EtcdClientOptions, endpoint: string, interceptors: Interceptor[]): IOptions {
  return {
    hosts: [endpoint],
    ...(tls && { credentials: { rootCertificate: readFileSync(tls.ca), certChain: readFileSync(tls.certificate), privateKey: readFileSync(tls.key) } }),
    faultHandling: { host: () => noop, global: noop },
    grpcOptions: {
      ...(tls?.serverName && { 'grpc.ssl_target_name_override': tls.serverName }),
      'grpc.keepalive_time_ms': keepaliveMs,
      'grpc.keepalive_timeout_ms': 1000,
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1000,
      // Clients to one address share connections otherwise; a big range would delay the watch.
      'grpc.use_local_subchannel_pool': 1,
      interceptors,
    },
  };
}

/** Makes a member that lost the quorum cancel the watch; without it the watch is silently stale for ever. */
export const requireLeader: Interceptor = (options, nextCall) =>
  new InterceptingCall(nextCall(options), {
    start(metadata, listener, next) {
      metadata.set('hasleader', 'true');
      next(metadata, listener);
    },
  });
