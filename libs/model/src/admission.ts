import type { RefusalCode } from '../../base/src/index.js';
import { isInNetwork, overlap, parseIpNetwork, wholeNetwork } from './ip-network.js';
import { mtuProblem } from './network-options.js';
import type { IpamConfig, NetworkSpec, SecretSpec } from './objects.js';

/**
 * May this be stored? Every rule is a plain function, and all problems are found at once: whoever writes one service
 * shows the first, whoever deploys a stack shows all. Texts are swarmkit's where swarmkit has one, since scripts look for them.
 */
export interface Problem {
  code: RefusalCode;
  message: string;
}

export function checkSecretSpec(kind: 'secret' | 'config', spec: SecretSpec, sizeBytes: number): Problem[] {
  const maxBytes = kind === 'secret' ? 512_000 : 1_024_000;
  const problems: Problem[] = [];
  if (spec.name.length > 64 || !/^[a-zA-Z0-9]+(?:[a-zA-Z0-9-_.]*[a-zA-Z0-9])?$/.test(spec.name)) {
    problems.push({
      code: 'invalid',
      message: 'invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]',
    });
  }
  if (spec.driver) problems.push({ code: 'unsupported', message: `plugin "${spec.driver.name}" not found: ${kind} ${spec.name} names a driver, and there are no ${kind} drivers here` });
  else if (sizeBytes === 0 || sizeBytes >= maxBytes) {
    problems.push({ code: 'invalid', message: `${kind} data must be larger than 0 and less than ${maxBytes} bytes` });
  }
  return problems;
}

export function checkNetworkSpec(spec: NetworkSpec): Problem[] {
  const problems: Problem[] = [];
  if (!isDnsName(spec.name)) problems.push({ code: 'invalid', message: 'name must be valid as a DNS name component' });
  if (isPredefinedNetwork(spec.name)) problems.push({ code: 'already-exists', message: `network with name ${spec.name} already exists` });
  if (spec.driver !== 'overlay') {
    problems.push({
      code: spec.driver === '' ? 'invalid' : 'not-found',
      message: `plugin "${spec.driver}" not found: networks of the cluster have the driver overlay (--driver overlay)`,
    });
  }
  const mtu = mtuProblem(spec);
  if (mtu !== undefined) problems.push({ code: 'invalid', message: `network ${spec.name}: ${mtu}` });
  for (const config of spec.ipam?.configs ?? []) problems.push(...checkIpamConfig(spec.name, config));
  problems.push(...checkSubnetsApart(spec));
  return problems;
}

function checkSubnetsApart({ name, ipam }: NetworkSpec): Problem[] {
  const subnets = (ipam?.configs ?? []).flatMap(({ subnet }) => subnet ?? []);
  const blocks = subnets.flatMap((subnet) => parseIpNetwork(subnet) ?? []);
  if (blocks.length < subnets.length) return []; // told already
  const problems: Problem[] = [];
  for (const [index, block] of blocks.entries()) {
    const other = blocks.slice(0, index).findIndex((earlier) => overlap(wholeNetwork(earlier), wholeNetwork(block)));
    if (other >= 0) problems.push({ code: 'invalid', message: `network ${name}: the subnets ${subnets[other]} and ${subnets[index]} overlap` });
  }
  return problems;
}

function checkIpamConfig(network: string, { subnet, ipRange, gateway, auxAddresses = {} }: IpamConfig): Problem[] {
  const invalid = (message: string): Problem[] => [{ code: 'invalid', message: `network ${network}: ${message}` }];
  if (subnet === undefined) {
    const rest = gateway ?? ipRange ?? Object.values(auxAddresses)[0];
    return rest === undefined ? [] : invalid(`${rest} belongs to no subnet: give the subnet too`);
  }
  const block = parseIpNetwork(subnet);
  if (!block || !subnet.includes('/')) return invalid(`invalid subnet ${subnet}: it has the form 10.1.0.0/16 or fd00:1::/64`);
  const strangers = [gateway, ipRange?.split('/')[0], ...Object.values(auxAddresses)].filter((address) => address !== undefined && !isInNetwork(address, block));
  return strangers.flatMap((address) => invalid(`${address} does not lie in the subnet ${subnet}`));
}

/** Networks of a single host that Docker knows by name; a service cannot be attached to them here. */
export function isPredefinedNetwork(name: string): boolean {
  return name === 'host' || name === 'none' || name === 'bridge';
}

export function isDnsName(name: string): boolean {
  return /^[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*$/.test(name);
}
