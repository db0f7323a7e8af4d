import type { NetworkAttachmentSpec, NetworkSpec } from '../../../model/src/index.js';
import type { Network, Service } from '../compose-config.js';
import { didYouMean } from '../problems.js';
import type { Scope } from './scope.js';
import { compact, compareText, nameOf, note, positionOf, problem, servicePath, toRecord, withNamespace } from './scope.js';
import { rejectName } from './names.js';

/** The network of services that name none; it needs no declaration. */
const defaultNetwork = 'default';

export function networksOf(service: Service): Map<string, { aliases?: string[]; driver_opts?: Map<string, string> } | null> {
  return service.networks?.size ? service.networks : new Map([[defaultNetwork, null]]);
}

/** None for a service that has another's network namespace, the host's, or an empty one. */
export function convertAttachments(scope: Scope, name: string, service: Service, networkMode: string | undefined): NetworkAttachmentSpec[] {
  if (networkMode !== undefined) return [];
  const attachments = [...networksOf(service)].flatMap(([key, settings]): NetworkAttachmentSpec[] => {
    const declared = scope.config.networks.get(key);
    if (!declared && key !== defaultNetwork) {
      rejectUndeclared(scope, name, key);
      return [];
    }
    const target = nameOf(scope, key, declared ?? {});
    const aliases = isUserDefined(target) ? [...(settings?.aliases ?? []), name] : (settings?.aliases ?? []);
    if (!isUserDefined(target)) rejectBesideOthers(scope, name, key, target);
    return [compact<NetworkAttachmentSpec>({ target, aliases, driverOpts: settings?.driver_opts && toRecord(settings.driver_opts) })];
  });
  return attachments.sort((a, b) => compareText(a.target, b.target));
}

function rejectUndeclared(scope: Scope, service: string, key: string): void {
  const suggestion = didYouMean(key, scope.config.networks.keys()) ?? 'declare it under the top-level networks';
  const path = servicePath(service, 'networks');
  const items = [...scope.config.positions.keys()].filter((candidate) => candidate === `${path}.${key}`);
  const index = [...networksOf(scope.config.services.get(service) as Service).keys()].indexOf(key);
  const at = positionOf(scope, items[0] ?? `${path}[${index}]`);
  scope.findings.problem(at, path, `the network "${key}" is not declared`, suggestion);
}

/** Host and none are instead of a network; the bridge of one node is none that tasks on others could be on. */
function rejectBesideOthers(scope: Scope, service: string, key: string, target: string): void {
  const suggestion = target === 'bridge' ? 'use a network of the stack' : `name no other network beside "${target}"`;
  problem(scope, servicePath(service, `networks.${key}`), `a service cannot join the network "${target}" of its node`, suggestion);
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
  const configs = (network.ipam?.config ?? []).map(({ subnet }) => (subnet === undefined ? {} : { subnet }));
  const hasIpam = network.ipam?.driver !== undefined || configs.length > 0;
  const ipam = hasIpam ? { ...(network.ipam?.driver === undefined ? {} : { driver: network.ipam.driver }), configs } : undefined;
  return compact<NetworkSpec>({
    name,
    labels: withNamespace(scope, network.labels),
    driver,
    driverOpts: toRecord(network.driver_opts),
    internal: network.internal ?? false,
    attachable: network.attachable ?? false,
    ingress: false,
    ipv6: false,
    ipam,
  });
}

function isUserDefined(name: string): boolean {
  return !['default', 'bridge', 'host', 'none'].includes(name) && !name.startsWith('container:');
}
