import type { Command } from 'commander';
import { Refused } from '../../../../libs/base/src/index.js';
import { isInNetwork, parseIpNetwork } from '../../../../libs/model/src/index.js';
import type { Session } from '../session.js';
import { labelsOf } from './create-from-file.js';
import { repeated } from './flags.js';

interface CreateFlags {
  driver: string;
  subnet?: string[];
  gateway?: string[];
  ipRange?: string[];
  auxAddress?: string[];
  ipv6?: boolean;
  attachable?: boolean;
  internal?: boolean;
  ingress?: boolean;
  label?: string[];
  opt?: string[];
  ipamOpt?: string[];
}

export function define(command: Command, session: Session): void {
  command
    .argument('<name>')
    .option('-d, --driver <driver>', 'kind of network', 'overlay')
    .option('--subnet <cidr>', 'address range, for example 10.20.0.0/24 or fd20::/64; may be repeated', repeated)
    .option('--gateway <address>', 'gateway of the subnet that it lies in; may be repeated', repeated)
    .option('--ip-range <cidr>', 'part of a subnet that addresses are given out of; may be repeated', repeated)
    .option('--aux-address <name=address>', 'address that no task gets; may be repeated', repeated)
    .option('--ipv6', 'with IPv6 as well')
    .option('--attachable', 'single containers may join')
    .option('--internal', 'no way to the outside')
    .option('--ingress', 'the network of services that name none; there is one')
    .option('-l, --label <key=value>', 'label; may be repeated', repeated)
    .option('-o, --opt <key=value>', 'option of the driver; may be repeated', repeated)
    .option('--ipam-opt <key=value>', 'option of the address allocation; may be repeated', repeated)
    .action((name: string, flags: CreateFlags) => createNetwork(session, name, flags));
}

/** Prints the new id. */
async function createNetwork(session: Session, name: string, flags: CreateFlags): Promise<void> {
  const answer = await session.api().post<{ Id: string; Warning?: string }>('/networks/create', {
    Name: name,
    Driver: flags.driver,
    Scope: 'swarm',
    EnableIPv6: flags.ipv6 ?? false,
    IPAM: { Driver: 'default', Options: labelsOf(flags.ipamOpt), Config: subnetsOf(flags) },
    Attachable: flags.attachable ?? false,
    Internal: flags.internal ?? false,
    Ingress: flags.ingress ?? false,
    Labels: labelsOf(flags.label),
    Options: labelsOf(flags.opt),
  });
  if (answer.Warning) session.err.write(`${answer.Warning}\n`);
  session.out.write(`${answer.Id}\n`);
}

interface SubnetConfig {
  Subnet: string;
  Gateway?: string;
  IPRange?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

/** Each address goes with the subnet that it lies in. */
function subnetsOf({ subnet = [], gateway = [], ipRange = [], auxAddress = [] }: CreateFlags): SubnetConfig[] {
  const configs = subnet.map((Subnet): SubnetConfig => ({ Subnet }));
  for (const address of gateway) subnetAround(configs, '--gateway', address).Gateway = address;
  for (const range of ipRange) subnetAround(configs, '--ip-range', range).IPRange = range;
  for (const [name, address] of Object.entries(labelsOf(auxAddress))) {
    const config = subnetAround(configs, '--aux-address', address);
    config.AuxiliaryAddresses = { ...config.AuxiliaryAddresses, [name]: address };
  }
  return configs;
}

function subnetAround(configs: readonly SubnetConfig[], option: string, text: string): SubnetConfig {
  const found = configs.find(({ Subnet }) => {
    const block = parseIpNetwork(Subnet);
    return block && isInNetwork(text.replace(/\/.*/, ''), block);
  });
  if (!found) throw new Refused('invalid', `${option} ${text}: it lies in no --subnet`);
  return found;
}
