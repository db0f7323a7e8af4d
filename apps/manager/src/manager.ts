import { mkdir } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Lifetime, systemClock, systemRandom, version, type Log } from '../../../libs/base/src/index.js';
import { NodeSessions, runLeadership, type Duty } from '../../../libs/control/src/index.js';
import { createSealer, requireManagerFiles, requireNodeFiles } from '../../../libs/identity/src/index.js';
import { openEtcdStore, startEtcd, type EtcdStore } from '../../../libs/store/src/index.js';
import type { ManagerConfig } from './config/config.js';
import { compactDuty, controlDuty } from './control-plane/duties.js';
import { ContainerBroker } from './dispatcher-rpc/container-broker.js';
import { LogBroker } from './dispatcher-rpc/log-broker.js';
import { RpcServer } from './dispatcher-rpc/rpc-server.js';
import { createHttpApp } from './http/app.js';
import { listenOnSocket } from './http/unix-socket.js';
import { NodeCa } from './identity/node-ca.js';

const shutdownGraceMs = 10_000;

/** Puts the manager together and runs it until the signal is aborted. Nodes and containers go on without it. */
export async function runManager(config: ManagerConfig, log: Log, signal: AbortSignal): Promise<void> {
  await using lifetime = new Lifetime();
  const files = requireNodeFiles(config.stateDir);
  const secrets = requireManagerFiles(config.stateDir);
  const clock = systemClock;
  const random = systemRandom;
  const trace = (event: { event: string }) => log.event(event);
  await mkdir(config.runDir, { recursive: true, mode: 0o755 });

  const store = await openStore(config, files.nodeId, lifetime, trace, signal);
  const sealer = createSealer(secrets.secretKey);
  const managerAddress = `${isIP(files.address) === 6 ? `[${files.address}]` : files.address}:${config.port}`;

  let sessions: NodeSessions | undefined;
  let epoch = 0;
  const logBroker = new LogBroker(
    () => store.view(),
    (nodeId, message) => sessions?.send(nodeId, message) ?? false,
    random,
    () => epoch,
  );

  const containerBroker = new ContainerBroker({
    view: () => store.view(),
    send: (nodeId, message) => sessions?.send(nodeId, message) ?? false,
    silenceMs: (nodeId) => sessions?.silenceMs(nodeId),
    epoch: () => epoch,
    clock,
    random,
  });

  const rpc = lifetime.own(
    new RpcServer({
      address: `${isIP(files.address) === 6 ? '[::]' : '0.0.0.0'}:${config.port}`,
      clusterId: files.clusterId,
      caCertificate: files.caCertificate,
      identity: files.identity,
      nodeCa: new NodeCa({ store: () => store, ca: secrets.ca, clock, random }),
      logBroker,
      containerBroker,
      sessions: () => sessions,
    }),
    (it) => it.close(),
  );

  const dispatch: Duty = async (office) => {
    epoch = office.epoch;
    sessions = new NodeSessions({ store: office.store, epoch, openSecret: ({ sealed }) => sealer.open(sealed), clock, trace });
    try {
      await sessions.run(office.signal);
    } finally {
      sessions = undefined;
    }
  };

  const http = lifetime.own(
    await createHttpApp({
      store,
      clock,
      random,
      secretSealer: sealer,
      logSource: logBroker,
      containerStreams: containerBroker,
      managerInfo: { nodeId: files.nodeId, version, hostname: config.hostname ?? hostname(), address: managerAddress, stateDir: config.stateDir },
      trace,
    }),
    (it) => withDeadline(it.close()),
  );
  await rpc.listen();
  lifetime.own(await listenOnSocket(http, config.socketPath), (unlink) => unlink());
  log.event({ event: 'manager-ready', nodeId: files.nodeId, socket: config.socketPath, address: managerAddress });
  const control = controlDuty({ files, secrets, address: managerAddress, clock, random, trace });
  await runLeadership({ store, managerId: files.nodeId, duties: [dispatch, control, compactDuty(store, clock)], clock, random, trace, signal });
}

async function openStore(
  config: ManagerConfig,
  nodeId: string,
  lifetime: Lifetime,
  trace: (event: { event: string }) => void,
  signal: AbortSignal,
): Promise<EtcdStore> {
  const file = (name: string) => join(config.stateDir, 'manager', name);
  const tls = { ca: file('etcd-ca.crt'), certificate: file('etcd.crt'), key: file('etcd.key'), serverName: 'localhost' };
  const endpoints = [`https://127.0.0.1:${config.etcdClientPort}`];
  lifetime.own(
    await startEtcd({
      name: nodeId,
      dataDir: join(config.stateDir, 'etcd'),
      clientUrls: endpoints,
      peerUrl: `https://127.0.0.1:${config.etcdPeerPort}`,
      tls,
      clock: systemClock,
      trace,
      signal: lifetime.signal,
    }),
    (it) => it.stop(),
  );
  const storeEnd = new AbortController();
  lifetime.own(storeEnd, (it) => it.abort());
  signal.throwIfAborted();
  return openEtcdStore({ endpoints, tls, writerId: nodeId, maxOperations: 4096, trace, clock: systemClock, signal: storeEnd.signal });
}

/** Requests in progress get a moment; followers of logs and events would keep the server open for ever. */
async function withDeadline(closing: Promise<void>): Promise<void> {
  await Promise.race([closing, new Promise((resolve) => setTimeout(resolve, shutdownGraceMs).unref())]);
}
