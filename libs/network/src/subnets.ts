import { Refused } from '../../base/src/index.js';
import { isInNetwork, parseIpNetwork, type AssignedNetwork, type IpNetwork } from '../../model/src/index.js';

/** The subnet of the network that the address lies in. Throws `Refused` when it lies in none. */
export function subnetOf(network: AssignedNetwork, address: string): AssignedNetwork['subnets'][number] {
  const found = network.subnets.find(({ subnet }) => isInNetwork(address, blockOf(subnet)));
  if (!found) throw new Refused('precondition', `the address ${address} lies in no subnet of network ${network.name} (${network.subnets.map(({ subnet }) => subnet).join(', ')})`);
  return found;
}

/** A node has few subnets, and asks for each address of each container in them after every change. */
const blocks = new Map<string, IpNetwork>();
const maxBlocks = 1_000;

function blockOf(subnet: string): IpNetwork {
  const known = blocks.get(subnet);
  if (known) return known;
  const block = parseIpNetwork(subnet);
  if (!block) throw new Refused('invalid', `"${subnet}" is not a subnet`);
  if (blocks.size >= maxBlocks) blocks.clear();
  blocks.set(subnet, block);
  return block;
}
