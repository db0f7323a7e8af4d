import type { SubnetUse } from '../../../../../libs/allocator/src/index.js';
import { isInNetwork, parseIpNetwork, type ClusterView, type Labels, type Network, type NetworkSpec } from '../../../../../libs/model/src/index.js';
import { ApiError } from '../../http/api-error.js';
import { JsonInput } from '../json-input.js';
import { meta, nonEmptyMap, omitAbsent, omitEmpty, type Json } from '../json-output.js';

/** The `Network` of the network API. */
export function networkTo(network: Network): Json {
  const { spec } = network;
  return {
    Name: spec.name,
    Id: network.id,
    Created: network.createdAt,
    Scope: 'swarm',
    Driver: spec.driver,
    EnableIPv4: true,
    EnableIPv6: hasIpv6(network),
    IPAM: { Driver: spec.ipam?.driver ?? 'default', Options: nonEmptyMap(spec.ipam?.options) ?? null, Config: ipamConfigs(network) },
    Internal: spec.internal,
    Attachable: spec.attachable,
    Ingress: spec.ingress,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: null,
    Options: nonEmptyMap(driverOptions(network)) ?? null,
    Labels: nonEmptyMap(spec.labels) ?? null,
  };
}

/** Of a network that is inspected: how many addresses of each subnet are taken, as API 1.52 has it. */
export function networkStatusTo(use: readonly SubnetUse[]): Json {
  const subnets = use.map(({ subnet, inUse, free }) => [subnet, { IPsInUse: inUse, DynamicIPsAvailable: free }] as const);
  return { IPAM: { Subnets: Object.fromEntries(subnets) } };
}

function hasIpv6({ spec, allocation }: Network): boolean {
  return spec.ipv6 || (allocation?.subnets ?? []).some(({ subnet }) => subnet.includes(':'));
}

/** The `Network` inside of a task's attachment. */
export function attachedNetworkTo(network: Network): Json {
  const { spec } = network;
  return {
    ID: network.id,
    ...meta(network),
    Spec: {
      Name: spec.name,
      Labels: spec.labels,
      DriverConfiguration: omitEmpty({ Name: spec.driver, Options: nonEmptyMap(spec.driverOpts) }),
      ...omitEmpty({ IPv6Enabled: spec.ipv6, Internal: spec.internal, Attachable: spec.attachable, Ingress: spec.ingress }),
      IPAMOptions: { Driver: { Name: spec.ipam?.driver ?? 'default' } },
      Scope: 'swarm',
    },
    DriverState: omitEmpty({ Name: spec.driver, Options: nonEmptyMap(driverOptions(network)) }),
    IPAMOptions: { Driver: { Name: spec.ipam?.driver ?? 'default' }, Configs: ipamConfigs(network) },
  };
}

/** `10.0.1.5` → `10.0.1.5/24`: clients parse these as CIDR. */
export function addressWithPrefix(view: ClusterView, networkId: string, address: string): string {
  const blocks = view.get('network', networkId)?.allocation?.subnets.flatMap(({ subnet }) => parseIpNetwork(subnet) ?? []) ?? [];
  const block = blocks.find((candidate) => isInNetwork(address, candidate));
  return `${address}/${block?.prefixLength ?? parseIpNetwork(address)?.bits ?? 32}`;
}

export function networkSpecFrom(body: unknown): NetworkSpec {
  const input = JsonInput.from(body, '');
  const ipam = input.object('IPAM');
  if (input.boolean('ConfigOnly') || input.object('ConfigFrom')?.string('Network')) {
    throw new ApiError(501, 'config-only networks are not available: networks belong to the whole cluster');
  }
  return {
    name: input.string('Name') ?? '',
    labels: input.labels('Labels') ?? {},
    driver: input.string('Driver') || 'overlay',
    driverOpts: input.labels('Options') ?? {},
    internal: input.boolean('Internal') ?? false,
    attachable: input.boolean('Attachable') ?? false,
    ingress: input.boolean('Ingress') ?? false,
    ipv6: input.boolean('EnableIPv6') ?? false,
    ...(ipam ? { ipam: ipamFrom(ipam) } : {}),
  };
}

function ipamFrom(input: JsonInput): NonNullable<NetworkSpec['ipam']> {
  return omitAbsent({
    driver: input.string('Driver') || undefined,
    options: nonEmptyMap(input.labels('Options')),
    configs: input.objects('Config').map((config) =>
      omitAbsent({
        subnet: config.string('Subnet') || undefined,
        ipRange: config.string('IPRange') || undefined,
        gateway: config.string('Gateway') || undefined,
        auxAddresses: nonEmptyMap(config.labels('AuxiliaryAddresses')),
      }),
    ),
  });
}

function ipamConfigs({ spec, allocation }: Network): Json[] {
  if (!allocation) return (spec.ipam?.configs ?? []).map((config) => omitEmpty({ Subnet: config.subnet, IPRange: config.ipRange, Gateway: config.gateway, AuxiliaryAddresses: nonEmptyMap(config.auxAddresses) }));
  return allocation.subnets.map(({ subnet, gateway }) => {
    const wanted = spec.ipam?.configs.find((config) => config.subnet === subnet);
    return omitEmpty({ Subnet: subnet, IPRange: wanted?.ipRange, Gateway: gateway, AuxiliaryAddresses: nonEmptyMap(wanted?.auxAddresses) });
  });
}

function driverOptions({ spec, allocation }: Network): Labels {
  return { ...(allocation ? { 'com.docker.network.driver.overlay.vxlanid_list': String(allocation.vni) } : {}), ...spec.driverOpts };
}
