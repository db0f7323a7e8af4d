import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Refused } from '../../../../libs/base/src/index.js';

/** Parsed once at the start; plain values from then on. */
export interface ManagerConfig {
  stateDir: string;
  runDir: string;
  /** Unix socket of the HTTP API. */
  socketPath: string;
  hostname: string | undefined;
  /** TCP port of the gRPC side. */
  port: number;
  /** TCP ports of the etcd child, on loopback. */
  etcdClientPort: number;
  etcdPeerPort: number;
}

export const managerUsage = `Usage: shoal manager [options]

Runs a manager of the cluster. The host must be one already (shoal init).

  --state-dir DIR      state that outlives a reboot (default /var/lib/shoal)
  --run-dir DIR        state of this boot (default /run/shoal)
  --socket PATH        unix socket of the HTTP API (default RUN-DIR/manager.sock)
  --hostname NAME      name of this manager (default: the host's)
  --port N             port that agents dial (default 2377)
  --etcd-client-port N (default 2379)
  --etcd-peer-port N   (default 2380)
`;

export function parseManagerConfig(argv: string[]): ManagerConfig {
  let values;
  try {
    ({ values } = parseArgs({
      args: argv,
      options: {
        'state-dir': { type: 'string', default: '/var/lib/shoal' },
        'run-dir': { type: 'string', default: '/run/shoal' },
        socket: { type: 'string' },
        hostname: { type: 'string' },
        port: { type: 'string', default: '2377' },
        'etcd-client-port': { type: 'string', default: '2379' },
        'etcd-peer-port': { type: 'string', default: '2380' },
      },
    }));
  } catch (error) {
    throw new Refused('invalid', `${(error as Error).message}\n\n${managerUsage}`);
  }
  return {
    stateDir: values['state-dir'],
    runDir: values['run-dir'],
    socketPath: values.socket ?? join(values['run-dir'], 'manager.sock'),
    hostname: values.hostname,
    port: portNumber('--port', values.port),
    etcdClientPort: portNumber('--etcd-client-port', values['etcd-client-port']),
    etcdPeerPort: portNumber('--etcd-peer-port', values['etcd-peer-port']),
  };
}

function portNumber(option: string, text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Refused('invalid', `${option} ${text}: expected a port from 1 to 65535`);
  return port;
}
