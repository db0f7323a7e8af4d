import type { AssignedEndpoint, AssignedNetwork, AssignedPeer, AssignedService } from '../../model/src/index.js';
import type { LocalContainer, NodeNetworkOptions, NodeNetworkView } from '../src/index.js';

/** A small cluster as node 1 sees it: `web` on nodes 1 and 2, `db` without a service address on node 2. */

export const options: NodeNetworkOptions = { name: 'shoal', stateDir: '/state', dataPathAddress: '192.0.2.1', dataPathPort: 4789, upstreamDns: [] };

export const front: AssignedNetwork = { id: 'front', name: 'shop_front', subnets: [{ subnet: '10.10.0.0/24', gateway: '10.10.0.1' }], internal: false };
export const back: AssignedNetwork = { id: 'back', name: 'shop_back', subnets: [{ subnet: '10.20.0.0/24', gateway: '10.20.0.1' }], internal: true };

export function peer(index: number): AssignedPeer {
  return { nodeId: `node${index}`, index, dataPathAddress: `192.0.2.${index}`, address: `192.0.2.${index}` };
}

export function endpoint(taskId: string, slot: number, node: number, addresses: [string, string, string[]?][], state: AssignedEndpoint['state'] = 'ready'): AssignedEndpoint {
  return { taskId, slot, nodeId: `node${node}`, state, addresses: addresses.map(([networkId, address, aliases = []]) => ({ networkId, address, aliases })) };
}

export const web: AssignedService = {
  id: 'web',
  name: 'shop_web',
  mode: 'vip',
  virtualIps: [{ networkId: 'front', address: '10.10.0.2' }],
  ports: [{ protocol: 'tcp', targetPort: 8000, publishedPort: 8080 }],
  endpoints: [endpoint('w1', 1, 1, [['front', '10.10.0.11', ['web']]]), endpoint('w2', 2, 2, [['front', '10.10.0.12', ['web']]])],
};

export const db: AssignedService = {
  id: 'db',
  name: 'shop_db',
  mode: 'dnsrr',
  virtualIps: [],
  ports: [],
  endpoints: [endpoint('d1', 1, 2, [['back', '10.20.0.21', ['db']]]), endpoint('d2', 2, 2, [['back', '10.20.0.22', ['db']]], 'draining')],
};

export const w1: LocalContainer = {
  containerId: 'w1',
  taskId: 'w1',
  networks: [
    { networkId: 'front', address: '10.10.0.11', aliases: ['web'] },
    { networkId: 'back', address: '10.20.0.11', aliases: [] },
  ],
  hostPorts: [{ protocol: 'udp', targetPort: 53, publishedPort: 5353 }],
};

export function view(changes: Partial<NodeNetworkView> = {}): NodeNetworkView {
  return { self: { nodeId: 'node1', index: 1 }, peers: [peer(1), peer(2)], networks: [front, back], services: [web, db], containers: [w1], ...changes };
}
