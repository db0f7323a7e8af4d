import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { clusterName, prefix, useCluster } from '../harness/fixture.js';
import { must } from '../harness/run.js';
import { addHost, hostNamespace, ipv6Beside } from '../harness/underlay.js';
import { Asker } from './asker.js';
import type { Question } from './questions.js';
import { expected, places, targets, ways, type Place, type Target, type Way, type Word } from './truth-table.js';

const test = useCluster({ nodes: 2 });

const underlay = { name: `sh-${clusterName}`, prefix };
const client = `${prefix}.60`;
const serverPort = 8000;

const service = (node: number, network: string, more = '') => `{ image: 'shoal/busybox:1', command: [sleep, '1000'], networks: [${network}], deploy: { placement: { constraints: [node.hostname == node-${node}] }${more} }`;
const bothProtocols = (target: string) => `['${target}/tcp', '${target}/udp']`;
const stack = `
services:
  web: ${service(1, 'net')}, ports: [${['tcp', 'udp'].flatMap((protocol) => [
    `{ target: 8000, published: 8080, protocol: ${protocol} }`,
    `{ target: 8000, published: 9090, protocol: ${protocol}, mode: host }`,
  ])}] }
  rr: ${service(1, 'net', ', endpoint_mode: dnsrr')}, ports: ${bothProtocols('8083:8000')} }
  sealed: ${service(1, 'vault')}, ports: ${bothProtocols('8084:8000')} }
  inner: ${service(1, 'inside')}, ports: ${bothProtocols('8082:8000')} }
  near: ${service(1, 'net')} }
  far: ${service(2, 'net')} }
  foreign: ${service(1, 'other')} }
networks:
  net: { ipam: { config: [{ subnet: 'fd10:1::/64' }] } }
  other: { ipam: { config: [{ subnet: 'fd10:2::/64' }] } }
  vault: { driver_opts: { encrypted: 'true' }, ipam: { config: [{ subnet: 'fd10:4::/64' }] } }
  inside: { internal: true, ipam: { config: [{ subnet: 'fd10:3::/64' }] } }
`;

/** Where a service's task has its addresses, by family. */
type Addresses = Record<4 | 6, string>;

const askers = new Map<string, Asker>();
const addressesOf = new Map<string, Addresses>();
let virtual: Addresses;

beforeAll(async () => {
  const placeFile = join(test.dir, 'place.mjs');
  buildSync({ entryPoints: [join(import.meta.dirname, 'place.ts')], outfile: placeFile, bundle: true, platform: 'node', format: 'esm' });
  await addHost(underlay, 'client', client);
  const clientNamespace = hostNamespace(underlay, 'client');
  // The worst stranger sends straight through a node.
  for (const [family, node] of [['-4', test.cluster.host('node-1').address], ['-6', test.cluster.host('node-1').ipv6Address]] as const) {
    await must(['ip', '-n', clientNamespace, family, 'route', 'add', 'default', 'via', node]);
  }
  // Else the kernel of a node keeps silent after its first refusal of a datagram within a second.
  for (const host of test.cluster.hosts) await host.must(['sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0', 'net.ipv6.icmp.ratelimit=0']);
  await test.deploy('truth', stack);
  const stand = (place: string, enter: string[]) => askers.set(place, new Asker(enter, placeFile));
  for (const name of ['web', 'rr', 'inner', 'sealed', 'near', 'far', 'foreign']) {
    const [task] = await test.untilRunning(`truth_${name}`, 1);
    addressesOf.set(name, byFamily(task!.NetworksAttachments!.flatMap(({ Addresses }) => Addresses)));
    stand(name === 'web' ? 'itself' : name, ['nsenter', '-t', String(task!.Status.ContainerStatus!.PID), '--net', '--']);
  }
  virtual = byFamily((await test.service('truth_web')).Endpoint!.VirtualIPs!.map(({ Addr }) => Addr));
  stand('node', test.cluster.host('node-1').enter([]));
  stand('other', test.cluster.host('node-2').enter([]));
  stand('outside', ['ip', 'netns', 'exec', clientNamespace]);
  await Promise.all([...askers.values()].map((asker) => asker.ready()));
});

afterAll(() => {
  for (const asker of askers.values()) asker.end();
});

it('reaches and refuses what the truth table says, from everywhere, and shows the address that it says', async () => {
  let open = Object.keys(places).flatMap((place) => Object.keys(targets).flatMap((target) => ways.map((way) => ({ place: place as Place, target: target as Target, way }))));
  const found = new Map<string, string>();
  const isAsExpected = ({ place, target, way }: (typeof open)[number]) => found.get(`${target} ${place} ${way}`) === expected(target, place, way);
  // A node may still be learning of the last task when the stack has converged: what differs is asked again, for a while.
  const lastAskedMs = performance.now() + 10_000;
  do {
    await Promise.all(
      Object.keys(places).map(async (place) => {
        const mine = open.filter((cell) => cell.place === place);
        const answers = await askers.get(place)!.ask(mine.map(({ target, way }) => question(target, place as Place, way)));
        answers.forEach((answer, at) => found.set(`${mine[at]!.target} ${place} ${mine[at]!.way}`, inWords(answer, place as Place, mine[at]!.target)));
      }),
    );
    open = open.filter((cell) => !isAsExpected(cell));
  } while (open.length > 0 && performance.now() < lastAskedMs);
  const wrong = open.map((cell) => `${cell.target} from ${cell.place} by ${cell.way}: ${found.get(`${cell.target} ${cell.place} ${cell.way}`)}, not ${expected(cell.target, cell.place, cell.way)}`);
  expect(wrong).toEqual([]);
});

function question(target: Target, place: Place, way: Way): Question {
  const [protocol, family] = [way.slice(0, 3) as 'tcp' | 'udp', Number(way.slice(3)) as 4 | 6];
  return { id: `${target} ${place} ${way}`, protocol, family, ...whereIs(target, family) };
}

function whereIs(target: Target, family: 4 | 6): { address: string; port: number; name?: string } {
  const node = (number: number) => (family === 4 ? test.cluster.host(`node-${number}`).address : test.cluster.host(`node-${number}`).ipv6Address);
  const loopback = family === 4 ? '127.0.0.1' : '::1';
  const at: Record<Target, [string, number]> = {
    vip: [virtual[family], serverPort],
    name: ['', serverPort],
    task: [addressesOf.get('web')![family], serverPort],
    published: [node(1), 8080],
    publishedElsewhere: [node(2), 8080],
    publishedLoopback: [loopback, 8080],
    namePublished: [node(1), 8083],
    sealedPublished: [node(1), 8084],
    sealedPublishedElsewhere: [node(2), 8084],
    hostMode: [node(1), 9090],
    hostModeElsewhere: [node(2), 9090],
    hostModeLoopback: [loopback, 9090],
    unpublished: [node(1), 8001],
    internalTask: [addressesOf.get('inner')![family], serverPort],
    internalPublished: [node(1), 8082],
  };
  const [address, port] = at[target];
  return { address, port, ...(target === 'name' ? { name: 'rr' } : {}) };
}

/** The table's word for an answer; the answer itself where it has none. */
function inWords(answer: string, place: Place, target: Target): Word | string {
  const container: Partial<Record<Place, string>> = { itself: 'web', near: 'near', far: 'far', foreign: 'foreign' };
  const name = container[place];
  const node = test.cluster.host(place === 'far' || place === 'other' ? 'node-2' : 'node-1').address;
  const own = name ? Object.values(addressesOf.get(name)!) : place === 'outside' ? both(client) : both(node);
  if (own.includes(answer)) return 'own';
  if (both(node).includes(answer)) return 'node';
  if (/^100\.6[45]\.|^fd77:6[de]:/.test(answer)) return 'tunnel';
  if (answer === gatewayOf(target, answer)) return 'gateway';
  return answer;
}

/** The first address of the subnet in which the asked task lives. */
function gatewayOf(target: Target, like: string): string {
  const addresses = addressesOf.get(target.startsWith('internal') ? 'inner' : 'web')!;
  return like.includes(':') ? addresses[6].replace(/::.*/, '::1') : addresses[4].replace(/\d+$/, '1');
}

function both(address: string): string[] {
  return [address, ipv6Beside(address)];
}

function byFamily(addresses: readonly string[]): Addresses {
  const plain = addresses.map((address) => address.split('/')[0]!);
  return { 4: plain.find((address) => !address.includes(':'))!, 6: plain.find((address) => address.includes(':'))! };
}
