import type { Random } from '../../base/src/index.js';
import { isInNetwork } from '../../model/src/index.js';
import { familyOf, formatAddress } from './addresses.js';
import type { DnsNames, NetworkNames } from './dns-names.js';

/** `elsewhere`: the name is not the cluster's; ask upstream. `no-such-name`: it would be the cluster's, and is not there. */
export type DnsAnswer =
  | { kind: 'records'; records: DnsRecord[] }
  | { kind: 'no-such-name' }
  | { kind: 'elsewhere' };

export type DnsRecord = { type: 'A' | 'AAAA'; name: string; ttl: number; data: string } | { type: 'PTR'; name: string; ttl: number; data: string };

/** Short, because an endpoint may go at any time; a lookup costs a container some 50 µs. */
const answerTtlSeconds = 2;

/** The answer to one question of the container with the address `from`. */
export function answerQuestion(names: DnsNames, from: string, question: { name: string; type: string }, random: Random): DnsAnswer {
  const networks = (names.networksOf.get(from) ?? []).flatMap((id) => names.networks.get(id) ?? []);
  const name = question.name.toLowerCase().replace(/\.$/, '');
  const pointed = pointedAddress(name);
  if (pointed) return answerPointer(networks, pointed, question);

  const addresses = addressesOf(networks, name);
  if (!addresses) return { kind: 'elsewhere' };
  const wanted = shuffled(addresses, random).map((data): DnsRecord => ({ type: familyOf(data) === 4 ? 'A' : 'AAAA', name: question.name, ttl: answerTtlSeconds, data }));
  return { kind: 'records', records: wanted.filter(({ type }) => question.type === type || question.type === 'ANY') };
}

/** By its name, or its name within a network: `web.shop_front`, which is also how addresses lead back to names. */
function addressesOf(networks: readonly NetworkNames[], name: string): readonly string[] | undefined {
  for (const network of networks) {
    const found = network.addresses.get(name);
    if (found) return found;
  }
  const within = networks.find((network) => name.endsWith(network.suffix));
  return within?.addresses.get(name.slice(0, -within.suffix.length));
}

function answerPointer(networks: NetworkNames[], address: string, question: { name: string; type: string }): DnsAnswer {
  const target = networks.map((network) => network.pointers.get(address)).find((found) => found !== undefined);
  if (!target) return { kind: networks.some(({ subnets }) => subnets.some((subnet) => isInNetwork(address, subnet))) ? 'no-such-name' : 'elsewhere' };
  const wanted = question.type === 'PTR' || question.type === 'ANY';
  return { kind: 'records', records: wanted ? [{ type: 'PTR', name: question.name, ttl: answerTtlSeconds, data: target }] : [] };
}

/** `4.3.2.1.in-addr.arpa` → `1.2.3.4`, and 32 digits under `ip6.arpa` → the IPv6 address. */
function pointedAddress(name: string): string | undefined {
  const digits = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  if (digits) return formatAddress(Buffer.from(digits.replaceAll('.', '').split('').reverse().join(''), 'hex'));
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  const parts = match?.slice(1).reverse();
  return parts?.every((part) => Number(part) <= 255) ? parts.map(Number).join('.') : undefined;
}

/** Many clients take the first address only. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}
