import { checkNetworkSpec, defaultDenyLabel, idleDriverOptions, type IpamConfig, type NetworkSpec } from '../../../model/src/index.js';
import type { Network, Service } from '../compose-config.js';
import type { ServiceNetwork } from '../tables/service.js';
import type { Scope } from './scope.js';
import { compact, compareText, nameOf, note, problem, toRecord, withNamespace } from './scope.js';
import { rejectName } from './names.js';

/** The network of services that name none; it needs no declaration. */
export const defaultNetwork = 'default';

export function networksOf(service: Service): Map<string, ServiceNetwork | null> {
  return service.networks?.size ? service.networks : new Map([[defaultNetwork, null]]);
}

/** Only networks that a service uses are created, and only those are looked for when external. */
export function convertNetworks(scope: Scope): { networks: NetworkSpec[]; external: string[] } {
  const used = new Set([...scope.config.services.values()].filter(usesNetworks).flatMap((service) => [...networksOf(service).keys()]));
  const networks: NetworkSpec[] = [];
  const external: string[] = [];
  for (const key of used) {
    const declared = scope.config.networks.get(key);
    if (!declared && key !== defaultNetwork) continue;
    const name = nameOf(scope, key, declared ?? {});
    if (!declared?.external) networks.push(convertNetwork(scope, key, name, declared ?? {}));
    else if (isUserDefined(name)) external.push(name);
  }
  for (const key of scope.config.networks.keys()) {
    if (!used.has(key)) note(scope, 'ignored', `networks.${key}`, `the network "${key}" is not created, because no service uses it`);
  }
  return { networks: networks.sort((a, b) => compareText(a.name, b.name)), external: external.sort() };
}

function usesNetworks({ network_mode: mode }: Service): boolean {
  return mode === undefined || mode === 'bridge' || mode === 'default';
}

function convertNetwork(scope: Scope, key: string, name: string, network: Network): NetworkSpec {
  rejectName(scope, `networks.${key}`, name);
  const driver = network.driver ?? 'overlay';
  if (driver !== 'overlay') note(scope, 'not-executed', `networks.${key}.driver`, `there is no network driver "${driver}" here; the driver of a swarm is overlay`);
  if (network.enable_ipv4 === false) problem(scope, `networks.${key}.enable_ipv4`, 'every network has IPv4', 'remove the key; enable_ipv6 adds IPv6');
  const spec = compact<NetworkSpec>({
    name,
    labels: { ...(network['x-default-deny'] && { [defaultDenyLabel]: 'true' }), ...withNamespace(scope, network.labels) },
    driver,
    driverOpts: toRecord(network.driver_opts),
    internal: network.internal ?? false,
    attachable: network.attachable ?? false,
    ingress: false,
    ipv6: network.enable_ipv6 ?? false,
    ipam: convertIpam(network),
  });
  for (const { option, why } of idleDriverOptions(spec)) note(scope, 'not-executed', `networks.${key}.driver_opts.${option}`, `"${option}" has no effect: ${why}`);
  rejectAddresses(scope, key, spec);
  return spec;
}

function convertIpam({ ipam }: Network): NetworkSpec['ipam'] {
  const configs = (ipam?.config ?? []).map((config) =>
    compact<IpamConfig>({
      subnet: config.subnet,
      ipRange: config.ip_range,
      gateway: config.gateway,
      auxAddresses: config.aux_addresses?.size ? toRecord(config.aux_addresses) : undefined,
    }),
  );
  const options = ipam?.options?.size ? toRecord(ipam.options) : undefined;
  if (ipam?.driver === undefined && configs.length === 0 && !options) return undefined;
  return { ...(ipam?.driver === undefined ? {} : { driver: ipam.driver }), ...(options && { options }), configs };
}

/** What the manager would refuse is told with its place. */
function rejectAddresses(scope: Scope, key: string, spec: NetworkSpec): void {
  const plain = { ...spec, name: 'n', driver: 'overlay' };
  for (const { message } of checkNetworkSpec({ ...plain, driverOpts: {} })) problem(scope, `networks.${key}.ipam`, message.replace('network n: ', ''));
  for (const { message } of checkNetworkSpec({ ...plain, ipam: { configs: [] } })) problem(scope, `networks.${key}.driver_opts`, message.replace('network n: ', ''));
}

export function isUserDefined(name: string): boolean {
  return !['default', 'bridge', 'host', 'none'].includes(name) && !name.startsWith('container:');
}
