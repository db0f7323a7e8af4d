import { formatIpNetwork, overlap, parseIpNetwork, wholeNetwork, type AssignedService } from '../../model/src/index.js';
import { families, familyOf, hostSideAddress, type Family } from './addresses.js';
import { balance, ready, type BalancedChains, type Target } from './balance.js';
import type { NodeNetworkView } from './network.js';
import { maskedMark, protocolWord, type NftSet } from './nft-table.js';
import { boundPorts, hostModePorts, portKey, protocolNumber, publishedPorts, type PublishedPort } from './published-ports.js';

/** How the mesh finds an endpoint behind a service's address or a published port: maps to one chain each. `own`: addresses of this node. */
export function serviceRules(view: NodeNetworkView, own: readonly string[]): BalancedChains {
  const parts = families.map((family) => {
    const services = view.services.flatMap((service) => virtualAddresses(service, family).map((one) => serviceChain(service, one, view.self.nodeId)));
    const anywhere = publishedPorts(view, family).filter(({ hostIp }) => !hostIp);
    const here = hostModePorts(view, family).filter(({ hostIp }) => !hostIp);
    const bound = boundPorts(view, family);
    const ports = [...anywhere.map((port) => portChains('pub', port, family)), ...here.map((port) => portChains('hostpub', port, family)), ...bound.map((port) => portChains('bound', port, family))];
    return {
      chains: [...services, ...ports].flatMap(({ chains }) => chains),
      sets: [
        ...lookups(view, own, family),
        ...[...services, ...ports].flatMap(({ sets }) => sets),
      ],
    };
  });
  return { sets: parts.flatMap(({ sets }) => sets), chains: parts.flatMap(({ chains }) => chains) };
}

function lookups(view: NodeNetworkView, own: readonly string[], family: Family): NftSet[] {
  const address = `ipv${family}_addr`;
  const verdicts = 'type inet_proto . inet_service : verdict;';
  const anywhere = publishedPorts(view, family).filter(({ hostIp }) => !hostIp);
  const here = hostModePorts(view, family).filter(({ hostIp }) => !hostIp);
  const bound = boundPorts(view, family);
  const vips = view.services.flatMap((service) => virtualAddresses(service, family));
  return [
    map(`vip${family}`, `type ${address} : verdict;`, vips.map((vip) => [vip.address, `goto ${vip.chain}`])),
    map(`pub${family}`, verdicts, anywhere.map((port) => [portKey(port), `goto ${portChain('pub', port, family)}`])),
    map(`hostpub${family}`, verdicts, here.map((port) => [portKey(port), `goto ${portChain('hostpub', port, family)}`])),
    // By the name that the host gave it, and for containers, which come straight here, by the address itself.
    map(
      `bound${family}`,
      `type ${address} . inet_proto . inet_service : verdict;`,
      bound.flatMap((port) => [port.alias, ...(own.includes(port.hostIp) ? [port.hostIp] : [])].map((place): [string, string] => [`${place} . ${portKey(port)}`, `goto ${portChain('bound', port, family)}`])),
    ),
    ...guards(view, family),
  ];
}

/** Containers here that only some may connect to over a network, and those pairs. */
function guards({ services, containers }: NodeNetworkView, family: Family): NftSet[] {
  const here = new Set(containers.flatMap(({ networks }) => networks.map(({ address }) => address)));
  const guarded = services.flatMap(({ guard }) => (guard?.addresses ?? []).filter((address) => here.has(address) && familyOf(address) === family).map((address) => ({ address, allow: guard!.allow.filter((client) => familyOf(client) === family) })));
  const address = `ipv${family}_addr`;
  return [
    set(`guarded${family}`, `type ${address};`, guarded.map((one) => one.address)),
    set(`allowed${family}`, `type ${address} . ${address};`, guarded.flatMap((one) => one.allow.map((client) => `${client} . ${one.address}`))),
  ];
}

interface VirtualAddress {
  address: string;
  networkId: string;
  chain: string;
}

function virtualAddresses(service: AssignedService, family: Family): VirtualAddress[] {
  if (service.mode !== 'vip') return [];
  return service.virtualIps
    .filter(({ address }) => familyOf(address) === family)
    .map(({ address, networkId }) => ({ address, networkId, chain: `vip_${inName(address)}` }));
}

function serviceChain(service: AssignedService, { networkId, address, chain }: VirtualAddress, nodeId: string): BalancedChains {
  const family = familyOf(address);
  const targets = ready(service).flatMap((endpoint) =>
    endpoint.addresses
      .filter((one) => one.networkId === networkId && familyOf(one.address) === family)
      .map((one): Target => ({ address: one.address, isLocal: endpoint.nodeId === nodeId, ...(endpoint.weight !== undefined && { weight: endpoint.weight }) })),
  );
  return balance(chain, targets, { ...service.balancing, family });
}

function portChains(prefix: string, port: PublishedPort, family: Family): BalancedChains {
  return balance(portChain(prefix, port, family), port.targets, { ...port.traffic, family, protocol: protocolNumber[port.protocol] }, [...strangers(port, family), ...(port.traffic.masquerade ? [`ct mark set ${maskedMark}`] : [])]);
}

/** Who may not connect gets no answer. The host itself is known by its loopback addresses. */
function strangers({ traffic: { allowFrom } }: PublishedPort, family: Family): string[] {
  if (!allowFrom) return [];
  const own = widest(allowFrom.filter((subnet) => familyOf(subnet) === family));
  const isHostAllowed = allowFrom.some((subnet) => subnet.startsWith('127.') || /^::1(\/|$)/.test(subnet));
  const allowed = [...new Set([...own, ...(isHostAllowed ? [hostSideAddress[family]] : [])])];
  return [allowed.length > 0 ? `${protocolWord[family]} saddr != { ${allowed.join(', ')} } drop` : 'drop'];
}

/** An nftables set holds no subnet beside one that contains it. */
function widest(subnets: readonly string[]): string[] {
  const blocks = subnets.flatMap((subnet) => parseIpNetwork(subnet) ?? []).map(wholeNetwork).sort((a, b) => a.prefixLength - b.prefixLength);
  return blocks.filter((block, index) => !blocks.slice(0, index).some((wider) => overlap(wider, block))).map(formatIpNetwork);
}

function portChain(prefix: string, { protocol, port, hostIp }: PublishedPort, family: Family): string {
  return `${prefix}${family}_${protocol}_${port}${hostIp ? `_at_${inName(hostIp)}` : ''}`;
}

function inName(address: string): string {
  return address.replaceAll(/[.:]/g, '_');
}

function map(name: string, spec: string, elements: [string, string][]): NftSet {
  return { kind: 'map', name, spec, elements: new Map(elements) };
}

function set(name: string, spec: string, keys: string[]): NftSet {
  return { kind: 'set', name, spec, elements: new Map(keys.map((key) => [key, ''])) };
}
