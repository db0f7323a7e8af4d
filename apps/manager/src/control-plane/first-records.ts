import { timestamp, type Clock, type Random } from '../../../../libs/base/src/index.js';
import type { ManagerFiles, NodeFiles } from '../../../../libs/identity/src/index.js';
import type { Change, Cluster, ClusterView, NetworkSpec, Node } from '../../../../libs/model/src/index.js';
import { freeIndex } from '../identity/node-ca.js';

/** Swarm's defaults where it has one. */
const taskHistoryLimit = 5;
const heartbeatPeriodMs = 5_000;
const addressPool = '10.0.0.0/8';
/** Unique local addresses (RFC 4193): `fd`, 40 bits drawn by lot, and room for 65 536 networks. */
const uniqueLocalPool = (random: Random) => `fd${[8, 16, 16].map((bits) => random.below(2 ** bits).toString(16).padStart(bits / 4, '0')).join(':')}::/48`;
/** /20: a network has room for 4 000 tasks (Swarm's /24 ends at 250, which its users run into). */
const subnetBits = 20;
const ingressSubnet = '10.255.0.0/16';
const dataPathPort = 4789;

/** What a new cluster's store begins with: the cluster, its first manager, and the network of tasks that name none. */
export function firstRecords(view: ClusterView, files: NodeFiles, manager: ManagerFiles, { clock, random }: { clock: Clock; random: Random }): Change[] {
  const now = timestamp(clock.wallMs());
  const stamps = { createdAt: now, updatedAt: now };
  const changes: Change[] = [];
  if (!view.cluster) changes.push({ action: 'create', kind: 'cluster', object: { ...stamps, ...newCluster(files, manager, random) } });
  if (!view.get('node', files.nodeId)) changes.push({ action: 'create', kind: 'node', object: { ...stamps, ...firstManager(view, files) } });
  if (!view.named('network', 'ingress')) changes.push({ action: 'create', kind: 'network', object: { ...stamps, id: random.id(), spec: ingress } });
  return changes;
}

type Fresh<Stored> = Omit<Stored, 'version' | 'createdAt' | 'updatedAt'>;

function newCluster(files: NodeFiles, manager: ManagerFiles, random: Random): Fresh<Cluster> {
  return {
    id: 'cluster',
    clusterId: files.clusterId,
    name: manager.clusterName,
    labels: {},
    taskHistoryLimit,
    heartbeatPeriodMs,
    addressPools: [addressPool, uniqueLocalPool(random)],
    subnetBits,
    dataPathPort,
    rootCaCertificate: manager.ca.certificate,
    joinTokens: manager.joinTokens,
  };
}

function firstManager(view: ClusterView, files: NodeFiles): Fresh<Node> {
  return {
    id: files.nodeId,
    index: freeIndex([...view.all('node')]),
    spec: { labels: {}, role: 'manager', availability: 'active' },
    status: { state: 'unknown', message: 'not connected yet', address: files.address, dataPathAddress: files.dataPathAddress },
  };
}

const ingress: NetworkSpec = {
  name: 'ingress',
  labels: {},
  driver: 'overlay',
  driverOpts: {},
  internal: false,
  attachable: false,
  ingress: true,
  ipv6: true,
  ipam: { configs: [{ subnet: ingressSubnet }] },
};
