import type { NetworkAttachmentSpec } from '../../../model/src/index.js';
import { familyOf, isInNetwork, parseIpNetwork } from '../../../model/src/index.js';
import type { Network, Service } from '../compose-config.js';
import { didYouMean } from '../problems.js';
import type { ServiceNetwork } from '../tables/service.js';
import { convertMacAddress } from './isolation.js';
import { linkAliases, noteLinks } from './links.js';
import { defaultNetwork, isUserDefined, networksOf } from './networks.js';
import type { Scope } from './scope.js';
import { compact, compareText, nameOf, note, positionOf, problem, servicePath, toNumber, toRecord } from './scope.js';

/** None for a service that has another's network namespace, the host's, or an empty one. */
export function convertAttachments(scope: Scope, name: string, service: Service, networkMode: string | undefined): NetworkAttachmentSpec[] {
  if (networkMode !== undefined) return [];
  noteLinks(scope, name, service);
  const attachments = [...networksOf(service)].flatMap(([key, settings]): NetworkAttachmentSpec[] => {
    const declared = scope.config.networks.get(key);
    if (!declared && key !== defaultNetwork) {
      rejectUndeclared(scope, name, key);
      return [];
    }
    const target = nameOf(scope, key, declared ?? {});
    const path = servicePath(name, `networks.${key}`);
    if (!isUserDefined(target)) rejectBesideOthers(scope, path, target);
    const own = settings?.aliases ?? [];
    const aliases = isUserDefined(target) ? [...own, ...linkAliases(scope, name, key), name] : own;
    const driverOpts = settings?.driver_opts && toRecord(settings.driver_opts);
    for (const option of Object.keys(driverOpts ?? {})) note(scope, 'not-executed', `${path}.driver_opts.${option}`, `"${option}" has no effect: an attachment has no driver options here; those of the network are under the top-level networks`);
    return [
      compact<NetworkAttachmentSpec>({
        target,
        aliases,
        addresses: staticAddresses(scope, path, service, settings, declared),
        macAddress: convertMacAddress(scope, `${path}.mac_address`, settings?.mac_address),
        priority: toNumber(settings?.gw_priority ?? settings?.priority),
        driverOpts,
      }),
    ];
  });
  return attachments.sort((a, b) => compareText(a.target, b.target));
}

/** One of each family at most, as the file says; what can never be given is told now. */
function staticAddresses(scope: Scope, path: string, service: Service, settings: ServiceNetwork | null, declared: Network | undefined): string[] | undefined {
  const wanted = ([4, 6] as const).flatMap((family) => {
    const key = `ipv${family}_address` as const;
    const address = settings?.[key];
    return address ? [{ family, address, path: `${path}.${key}` }] : [];
  });
  const usable = wanted.filter(({ family, address, path: at }) => {
    if (familyOf(address) !== family) problem(scope, at, `"${address}" is not an IPv${family} address`);
    else if (!hasOwnSubnets(declared)) {
      note(scope, 'ignored', at, `"ipv${family}_address" has no effect: the network gets its subnet from the cluster; give it one in ipam.config that ${address} lies in`);
      return false;
    } else if (!declared?.external && !liesIn(declared, address)) problem(scope, at, `${address} lies in no subnet of the network`, 'choose an address of one of the subnets in its ipam.config');
    return true;
  });
  const tasks = service.deploy?.mode === 'global' ? 'a task on every node' : Number(service.deploy?.replicas ?? 1n) > 1 ? `${service.deploy?.replicas} tasks` : undefined;
  if (tasks !== undefined && usable[0]) problem(scope, usable[0].path, `only one task can have the address ${usable[0].address}, and the service has ${tasks}`, 'set deploy.replicas to 1, or let the cluster choose addresses');
  return usable.length > 0 ? usable.map(({ address }) => address) : undefined;
}

/** An external one may have. */
function hasOwnSubnets(declared: Network | undefined): boolean {
  return Boolean(declared?.external) || (declared?.ipam?.config ?? []).some(({ subnet }) => subnet);
}

function liesIn(declared: Network | undefined, address: string): boolean {
  const blocks = (declared?.ipam?.config ?? []).flatMap(({ subnet }) => parseIpNetwork(subnet ?? '') ?? []);
  return blocks.some((block) => isInNetwork(address, block));
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
function rejectBesideOthers(scope: Scope, path: string, target: string): void {
  const suggestion = target === 'bridge' ? 'use a network of the stack' : `name no other network beside "${target}"`;
  problem(scope, path, `a service cannot join the network "${target}" of its node`, suggestion);
}
