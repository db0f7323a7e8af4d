import type { AssignedEndpoint, AssignedNetwork, AssignedPeer, AssignedService } from '../../../libs/model/src/index.js';
import type { NodeNetworkView } from '../../../libs/network/src/index.js';

/** A cluster as its first node sees it: all services in one network of this node, endpoints spread over the other nodes. */
export function cluster(size: { services: number; endpointsEach: number; nodes: number }): NodeNetworkView {
  const peers = Array.from({ length: size.nodes }, (_, at): AssignedPeer => ({ nodeId: `node${at + 1}`, index: at + 1, dataPathAddress: `10.99.0.${at + 1}`, address: `10.99.0.${at + 1}` }));
  const network: AssignedNetwork = { id: 'net', name: 'bench_net', subnets: [{ subnet: '10.8.0.0/13', gateway: '10.8.0.1' }], internal: false };
  const services = Array.from({ length: size.services }, (_, at): AssignedService => service(at, size.endpointsEach, size.nodes));
  return { self: { nodeId: 'node1', index: 1 }, peers, networks: [network], services, containers: [] };
}

/** One endpoint of a service leaves or comes back; every other value is the same object, as an agent's assignments are. */
export function withChangedService(view: NodeNetworkView, at: number): NodeNetworkView {
  const changed = view.services[at]!;
  const [first, ...rest] = changed.endpoints;
  const state = first!.state === 'ready' ? 'draining' : 'ready';
  const services = [...view.services];
  services[at] = { ...changed, endpoints: [{ ...first!, state }, ...rest] };
  return { ...view, services };
}

function service(number: number, endpointsEach: number, nodes: number): AssignedService {
  const endpoints = Array.from({ length: endpointsEach }, (_, slot): AssignedEndpoint => {
    const host = 12 * 65536 + number * endpointsEach + slot;
    return {
      taskId: `task${number}.${slot}`,
      slot: slot + 1,
      nodeId: `node${2 + ((number + slot) % (nodes - 1))}`,
      state: 'ready',
      addresses: [{ networkId: 'net', address: `10.${host >> 16}.${(host >> 8) & 255}.${host & 255}`, aliases: [`web${number}`] }],
    };
  });
  const virtualIps = [{ networkId: 'net', address: `10.9.${number >> 8}.${number & 255}` }];
  return { id: `service${number}`, name: `bench_web${number}`, mode: 'vip', virtualIps, ports: [], endpoints };
}
