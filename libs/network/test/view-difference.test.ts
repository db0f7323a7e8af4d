import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AssignedService } from '../../model/src/index.js';
import { diffPlan } from '../src/diff.js';
import { planNames } from '../src/dns-names.js';
import { planNode, planServices } from '../src/node-plan.js';
import { changeNames, ViewDifferences } from '../src/view-difference.js';
import { db, endpoint, options, peer, view, w1 } from './views.js';

/** Services that meet in names, ports, bound addresses and even addresses, on two nodes. */
const service = fc.record({
  name: fc.constantFrom('web', 'db', 'Web'),
  mode: fc.constantFrom('vip' as const, 'dnsrr' as const),
  ports: fc.uniqueArray(fc.record({ publishedPort: fc.constantFrom(80, 81), protocol: fc.constantFrom('tcp' as const, 'udp' as const), bound: fc.boolean() }), { maxLength: 2, selector: ({ publishedPort, protocol }) => `${protocol}${publishedPort}` }),
  endpoints: fc.uniqueArray(fc.record({ last: fc.integer({ min: 11, max: 16 }), node: fc.constantFrom(1, 2), alias: fc.constantFrom('web', 'cache'), state: fc.constantFrom('ready' as const, 'draining' as const) }), { maxLength: 3, selector: ({ last }) => last }),
});

type Drawn = typeof service extends fc.Arbitrary<infer Value> ? Value : never;

function built({ name, mode, ports, endpoints }: Drawn, id: number): AssignedService {
  return {
    id: `service${id}`,
    name,
    mode,
    virtualIps: mode === 'vip' ? [{ networkId: 'front', address: `10.10.0.${200 + id}` }] : [],
    ports: ports.map(({ bound, ...port }) => ({ ...port, targetPort: 8000, ...(bound && { hostIps: [`192.0.2.${id + 1}`] }) })),
    endpoints: endpoints.map(({ last, node, alias, state }, at) => endpoint(`task${id}.${at}`, at + 1, node, [['front', `10.10.0.${last}`, [alias]]], state)),
  };
}

test('the difference of two views leads to the same change as the whole of them, and to the same names', () => {
  const slot = fc.option(service, { nil: undefined });
  fc.assert(
    fc.property(fc.array(fc.array(fc.tuple(slot, fc.boolean()), { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 4 }), (rounds) => {
      const differences = new ViewDifferences();
      let slots: readonly (AssignedService | undefined)[] = [];
      let before = view({ services: [] });
      let names = planNames(before);
      for (const round of rounds) {
        const old = slots;
        slots = round.map(([drawn, isKept], id) => (isKept && id < old.length ? old[id] : drawn && built(drawn, id)));
        const after = { ...before, services: slots.filter((one) => one !== undefined) };
        const small = differences.between(before, after)!;
        const [whole, part] = [
          diffPlan(planNode(before, options), planNode(after, options)),
          diffPlan(planServices(small.before, options), planServices(small.after, options)),
        ];
        expect(part).toEqual(whole);
        names = changeNames(names, planNames(small.before), planNames(small.after));
        expect(names).toEqual(planNames(after));
        before = after;
      }
    }),
    { numRuns: 100 },
  );
});

test("a container that comes or goes has its service's ports opened or closed, though the service is as it was", () => {
  const served = built({ name: 'web', mode: 'vip', ports: [{ publishedPort: 80, protocol: 'tcp', bound: false }], endpoints: [] }, 1);
  const container = { ...w1, serviceId: served.id };
  const [without, having] = [view({ services: [served, db], containers: [] }), view({ services: [served, db], containers: [container] })];
  const shared = { ...having, peers: without.peers, networks: without.networks };
  for (const [before, after] of [[without, shared], [shared, without]] as const) {
    const small = new ViewDifferences().between(before, after)!;
    const whole = diffPlan(planNode(before, options), planNode(after, options));
    expect(diffPlan(planServices(small.before, options), planServices(small.after, options))).toEqual(whole);
    expect(whole.meshRules).toContain('pubtgt4 { 10.10.0.11 . 6 . 8000');
  }
});

test('one changed service of many leaves the others out', () => {
  const services = Array.from({ length: 50 }, (_, at) => built({ name: 'db', mode: 'vip', ports: [], endpoints: [] }, at)).map((one, at) => ({ ...one, name: `db${at}`, virtualIps: [{ networkId: 'front', address: `10.10.1.${at}` }] }));
  const before = view({ services });
  const small = new ViewDifferences().between(before, { ...before, services: services.with(7, { ...services[7]!, virtualIps: [] }) })!;
  expect([small.before.services, small.after.services].map((list) => list.map(({ name }) => name))).toEqual([['db7'], ['db7']]);
});

test('views of other peers or networks are compared as a whole', () => {
  const before = view();
  expect(new ViewDifferences().between(before, { ...before, peers: [peer(1), peer(2), peer(3)] })).toBeUndefined();
  expect(new ViewDifferences().between(before, { ...before, networks: [] })).toBeUndefined();
});

test('the first endpoint that may be reached encrypted only, and the last, change rules that all packets pass', () => {
  const plain = built({ name: 'web', mode: 'vip', ports: [], endpoints: [{ last: 11, node: 2, alias: 'web', state: 'ready' }] }, 1);
  const sealed = { ...plain, endpoints: plain.endpoints.map((one) => ({ ...one, addresses: one.addresses.map((address) => ({ ...address, encrypted: true as const })) })) };
  const [without, having] = [view({ services: [plain] }), view({ services: [sealed] })];
  const shared = { ...having, peers: without.peers, networks: without.networks };
  expect(new ViewDifferences().between(without, shared)).toBeUndefined();
  expect(new ViewDifferences().between(shared, without)).toBeUndefined();
});
