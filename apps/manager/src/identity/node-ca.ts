import { Refused, timestamp, type Clock, type Random } from '../../../../libs/base/src/index.js';
import { issueForRequest, roleOfToken, type KeyPair } from '../../../../libs/identity/src/index.js';
import type { Node, NodeRole } from '../../../../libs/model/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { managerServerName, type IssueReply, type IssueRequest } from '../../../../libs/wire/src/index.js';

export interface NodeCaOptions {
  store(): Store;
  ca: KeyPair;
  clock: Clock;
  random: Random;
}

/** The largest index: addresses, marks and zones derive from it (libs/network). */
const maxNodes = 65_534;

/** Makes whoever holds a join token a node: a record in the store and a certificate for its key. */
export class NodeCa {
  constructor(private readonly options: NodeCaOptions) {}

  async issue(request: IssueRequest, peerAddress: string): Promise<IssueReply> {
    const { ca, clock, random } = this.options;
    const store = this.options.store();
    const cluster = store.view().cluster;
    if (!cluster) throw new Refused('precondition', 'the cluster is still being set up: try again in a moment');
    const role = roleOfToken(request.token ?? '', cluster.joinTokens);
    if (!role) throw new Refused('forbidden', 'the join token is not valid for this cluster (it may have been rotated): show the current one with "shoal join-token worker" on a manager');
    if (role === 'manager') throw new Refused('unsupported', 'joining as a manager is not possible yet: use the worker token ("shoal join-token worker")');

    const nodeId = random.id();
    const address = request.advertiseAddress || peerAddress;
    const dataPathAddress = request.dataPathAddress || address;
    const certificate = await issueForRequest(ca, { nodeId, role, clusterId: cluster.clusterId }, request.csr ?? '', {
      dnsNames: role === ('manager' as NodeRole) ? [managerServerName, nodeId] : [nodeId],
      ipAddresses: [address],
      clock,
    });
    const now = timestamp(clock.wallMs());
    const object: Omit<Node, 'version'> = {
      id: nodeId,
      createdAt: now,
      updatedAt: now,
      index: freeIndex([...store.view().all('node')]),
      spec: { labels: {}, role, availability: 'active' },
      status: { state: 'unknown', message: 'joined, not connected yet', address, dataPathAddress },
    };
    await store.commit([{ action: 'create', kind: 'node', object }]);
    return { nodeId, clusterId: cluster.clusterId, certificate, caCertificate: ca.certificate, role, address };
  }
}

/** The smallest index that no node has. */
export function freeIndex(nodes: readonly Pick<Node, 'index'>[]): number {
  const taken = new Set(nodes.map((node) => node.index));
  for (let index = 1; index <= maxNodes; index++) if (!taken.has(index)) return index;
  throw new Refused('precondition', `the cluster has ${maxNodes} nodes: no more can join`);
}
