import { timestamp, type Clock, type Random } from '../../../../libs/base/src/index.js';
import type { ManagerFiles, NodeFiles } from '../../../../libs/identity/src/index.js';
import { formatIpNetwork, lastAddress, parseIpNetwork, wholeNetwork, type Change, type Cluster, type ClusterView, type NetworkSpec, type Node } from '../../../../libs/model/src/index.js';
import { freeIndex } from '../identity/node-ca.js';

/** Swarm's defaults where it has one. */
const taskHistoryLimit = 5;
const heartbeatPeriodMs = 5_000;
const ingressSubnetBits = 16;

/** What a new cluster's store begins with: the cluster, its first manager, and the network of tasks that name none. */
export function firstRecords(view: ClusterView, files: NodeFiles, manager: ManagerFiles, { clock, random }: { clock: Clock; random: Random }): Change[] {
  const now = timestamp(clock.wallMs());
  const stamps = { createdAt: now, updatedAt: now };
  const changes: Change[] = [];
  if (!view.cluster) changes.push({ action: 'create', kind: 'cluster', object: { ...stamps, ...newCluster(files, manager) } });
  if (!view.get('node', files.nodeId)) changes.push({ action: 'create', kind: 'node', object: { ...stamps, ...firstManager(view, files) } });
  // Once: whoever removed it later meant to.
  if (!view.cluster) changes.push({ action: 'create', kind: 'network', object: { ...stamps, id: random.id(), spec: ingress(manager) } });
  return changes;
}

type Fresh<Stored> = Omit<Stored, 'version' | 'createdAt' | 'updatedAt'>;

function newCluster(files: NodeFiles, manager: ManagerFiles): Fresh<Cluster> {
  return {
    id: 'cluster',
    clusterId: files.clusterId,
    name: manager.clusterName,
    labels: {},
    taskHistoryLimit,
    heartbeatPeriodMs,
    addressPools: manager.addressPools,
    subnetBits: manager.subnetBits,
    dataPathPort: manager.dataPathPort,
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

/** Every task that names no network is on it: where the pool is large, it gets the last /16. */
function ingress({ addressPools }: ManagerFiles): NetworkSpec {
  const large = addressPools.map((pool) => parseIpNetwork(pool)!).find(({ bits, prefixLength }) => bits === 32 && prefixLength < ingressSubnetBits);
  const subnet = large && formatIpNetwork(wholeNetwork({ ...large, address: lastAddress(wholeNetwork(large)), prefixLength: ingressSubnetBits }));
  const ipv6 = addressPools.some((pool) => pool.includes(':'));
  const plain = { name: 'ingress', labels: {}, driver: 'overlay', driverOpts: {}, internal: false, attachable: false, ingress: true };
  return { ...plain, ipv6, ...(subnet !== undefined && { ipam: { configs: [{ subnet }] } }) };
}
