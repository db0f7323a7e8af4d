import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { Refused, systemClock, systemRandom } from '../../../../libs/base/src/index.js';
import { certificateDigest, createCa, createJoinToken, issueWithKey, readNodeFiles, writeManagerFiles, writeNodeFiles } from '../../../../libs/identity/src/index.js';
import { hostRoutes } from '../../../../libs/network/src/host-routes.js';
import { managerServerName } from '../../../../libs/wire/src/index.js';
import { choosePools } from './address-pools.js';
import { onlyAddress, requireAddress, requireOwnAddress } from './host-address.js';

export interface InitOptions {
  stateDir: string;
  advertiseAddress: string | undefined;
  dataPathAddress: string | undefined;
  port: number;
  /** Empty: chosen clear of this host's routes. */
  addressPools: readonly string[];
  subnetBits: number;
  dataPathPort: number;
}

export interface InitResult {
  nodeId: string;
  managerAddress: string;
  workerToken: string;
  addressPools: string[];
}

/** Makes this host the first manager of a new cluster: its CA, its certificates, its join tokens. Starts nothing. */
export async function initCluster(options: InitOptions): Promise<InitResult> {
  const existing = readNodeFiles(options.stateDir);
  if (existing) {
    throw new Refused('precondition', `${options.stateDir} is node ${existing.nodeId} of a cluster already: to make a new one, stop its services and remove that folder`);
  }
  const address = options.advertiseAddress ?? onlyAddress();
  requireAddress('--advertise-addr', address);
  const dataPathAddress = options.dataPathAddress ?? address;
  requireOwnAddress(options.dataPathAddress === undefined ? '--advertise-addr' : '--data-path-addr', dataPathAddress);
  requirePort('--port', options.port, 1);
  requirePort('--data-path-port', options.dataPathPort, 1024);
  const addressPools = choosePools(options.addressPools, options.subnetBits, hostRoutes());
  const clock = systemClock;
  const clusterId = systemRandom.id();
  const nodeId = systemRandom.id();
  const subject = { nodeId, role: 'manager', clusterId } as const;

  const ca = await createCa(`shoal cluster ${clusterId}`, clock);
  // etcd trusts a CA of its own: a node's certificate opens no door to the store.
  const etcdCa = await createCa(`shoal store ${clusterId}`, clock);
  const digest = certificateDigest(ca.certificate);
  const joinTokens = { worker: createJoinToken(digest), manager: createJoinToken(digest) };
  const managerAddress = `${isIP(address) === 6 ? `[${address}]` : address}:${options.port}`;
  const yearMs = 365 * 86_400_000;

  writeManagerFiles(options.stateDir, {
    clusterName: 'default',
    addressPools,
    subnetBits: options.subnetBits,
    dataPathPort: options.dataPathPort,
    joinTokens,
    ca,
    etcdCa,
    etcd: await issueWithKey(etcdCa, subject, { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', address], clock, validityMs: 10 * yearMs }),
    secretKey: randomBytes(32),
  });
  writeNodeFiles(options.stateDir, {
    nodeId,
    clusterId,
    role: 'manager',
    address,
    dataPathAddress,
    managers: [managerAddress],
    caCertificate: ca.certificate,
    identity: await issueWithKey(ca, subject, { dnsNames: [managerServerName, nodeId], ipAddresses: [address], clock }),
  });
  return { nodeId, managerAddress, workerToken: joinTokens.worker, addressPools };
}

function requirePort(option: string, port: number, lowest: number): void {
  if (!Number.isInteger(port) || port < lowest || port > 65_535) throw new Refused('invalid', `${option} ${port}: expected a number from ${lowest} to 65535`);
}
