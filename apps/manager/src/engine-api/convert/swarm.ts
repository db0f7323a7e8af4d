import { X509Certificate } from 'node:crypto';
import type { Cluster } from '../../../../../libs/model/src/index.js';
import { meta, type Json } from '../json-output.js';

/** Docker's default; certificates here are not configured through this API. */
const certificateLifetimeNs = 90 * 24 * 3600 * 1e9;

/** `ClusterInfo`: the swarm without its join tokens. */
export function clusterInfoTo(cluster: Cluster): Json {
  return {
    ID: cluster.clusterId,
    ...meta(cluster),
    Spec: clusterSpecTo(cluster),
    TLSInfo: tlsInfoTo(cluster),
    RootRotationInProgress: false,
    DefaultAddrPool: cluster.addressPools.length > 0 ? cluster.addressPools : null,
    SubnetSize: cluster.subnetBits,
    DataPathPort: cluster.dataPathPort,
  };
}

/** Raft's settings are shown as Docker's defaults: clients post them back, and there is no Raft of ours to tune. */
function clusterSpecTo(cluster: Cluster): Json {
  return {
    Name: cluster.name,
    Labels: cluster.labels,
    Orchestration: { TaskHistoryRetentionLimit: cluster.taskHistoryLimit },
    Raft: { SnapshotInterval: 10000, KeepOldSnapshots: 0, LogEntriesForSlowFollowers: 500, ElectionTick: 10, HeartbeatTick: 1 },
    Dispatcher: { HeartbeatPeriod: cluster.heartbeatPeriodMs * 1e6 },
    CAConfig: { NodeCertExpiry: certificateLifetimeNs },
    TaskDefaults: {},
    EncryptionConfig: { AutoLockManagers: false },
  };
}

const tlsInfos = new Map<string, Json>();

/** The issuer of every node certificate; `{}` when the certificate cannot be read. */
export function tlsInfoTo(cluster: Cluster | undefined): Json {
  const pem = cluster?.rootCaCertificate ?? '';
  if (pem === '') return {};
  let info = tlsInfos.get(pem);
  if (!info) tlsInfos.set(pem, (info = readTlsInfo(pem)));
  return info;
}

function readTlsInfo(pem: string): Json {
  try {
    const certificate = new X509Certificate(pem);
    return {
      TrustRoot: pem,
      CertIssuerSubject: Buffer.from(certificate.subject).toString('base64'),
      CertIssuerPublicKey: certificate.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    };
  } catch {
    // A cluster made by a test has no real certificate; there is nothing to show then.
    return {};
  }
}
