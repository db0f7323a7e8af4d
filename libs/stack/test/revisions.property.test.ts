import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom, timestamp } from '../../base/src/index.js';
import { stackLabel, type Change, type IndexedView, type ServiceSpec, type StackSpec } from '../../model/src/index.js';
import { aNode, aTask, aTemplate, viewOf } from '../../model/src/testing/index.js';
import { compareRevisions, planStack, pruneConverged, restoredSpec, revisionsKept, revisionsOf, type StackPlanOptions } from '../src/index.js';

const labels = { [stackLabel]: 'app' };
const contents = {
  seal: (data: string) => `sealed(${data})`,
  open: (sealed: string) => sealed.slice(7, -1),
  digest: (data: string) => Buffer.from(data).toString('hex').padEnd(64, '0'),
};

interface Wanted {
  services: { name: string; image: number; replicas: number; env: number; usesKey: boolean }[];
  key: number;
  prune: boolean;
}

const wanted: fc.Arbitrary<Wanted> = fc.record({
  services: fc.uniqueArray(
    fc.record({ name: fc.constantFrom('a', 'b', 'c'), image: fc.nat(2), replicas: fc.integer({ min: 1, max: 3 }), env: fc.nat(1), usesKey: fc.boolean() }),
    { selector: ({ name }) => name, minLength: 1 },
  ),
  key: fc.nat(3),
  prune: fc.boolean(),
});

function specOf({ services, key }: Wanted): StackSpec {
  const secret = { id: '', name: 'app_key', file: { name: 'key', uid: '0', gid: '0', mode: 0o400 } };
  return {
    name: 'app',
    services: services.map(({ name, image, replicas, env, usesKey }): ServiceSpec => ({
      name: `app_${name}`,
      labels,
      template: aTemplate({ container: { image: `i:${image}`, env: [`LEVEL=${env}`], secrets: usesKey ? [secret] : [] } }),
      mode: { kind: 'replicated', replicas },
    })),
    networks: [],
    secrets: [{ name: 'app_key', labels, data: Buffer.from(`key ${key}`).toString('base64') }],
    configs: [],
    external: { networks: [], secrets: [], configs: [] },
  };
}

let revision = 100;

function apply(view: IndexedView, changes: readonly Change[]): void {
  revision++;
  for (const change of changes) {
    if (change.action === 'remove') view.apply(change.kind, change.id, undefined);
    else if (change.action !== 'status') view.apply(change.kind, change.object.id, { ...change.object, version: revision, createdAt: timestamp(0), updatedAt: timestamp(0) } as never);
  }
}

/** What containers and their number come to: the same contents under the same names. */
function effect(view: IndexedView): unknown {
  const services = [...view.all('service')].map(({ spec }) => ({
    name: spec.name,
    mode: spec.mode,
    image: spec.template.container.image,
    env: spec.template.container.env,
    keys: spec.template.container.secrets.map(({ id }) => contents.open(view.get('secret', id)!.sealed)),
  }));
  return services.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Plans, sees that the plan is repeatable and exact, and does it. */
function deploy(view: IndexedView, spec: StackSpec, options: Partial<StackPlanOptions>): void {
  const plan = () => planStack(view, spec, { prune: false, random: seededRandom(revision), contents, ...options });
  const planned = plan();
  expect(planned.problems).toEqual([]);
  const done = plan();
  expect(done.changes).toEqual(planned.changes);
  const isNewRevision = planned.revision > (view.get('stack', 'app')?.revision ?? 0);
  expect(planned.changes.some(({ action }) => action !== 'unchanged')).toBe(isNewRevision);
  apply(view, done.writes);
  expect(plan().writes).toEqual([]);
  converge(view);
  apply(view, pruneConverged(view).changes);
  expect(plan().writes).toEqual([]);
}

/** Every service has all its tasks, and no other. */
function converge(view: IndexedView): void {
  for (const { id } of [...view.all('task')]) view.apply('task', id, undefined);
  for (const { id, templateVersion, spec: { mode } } of view.all('service')) {
    const replicas = mode.kind === 'replicated' ? mode.replicas! : 0;
    for (let slot = 1; slot <= replicas; slot++) view.apply('task', `${id}.${slot}`, aTask({ id: `${id}.${slot}`, serviceId: id, slot, templateVersion, nodeId: 'node-a', state: 'running' }));
  }
}

test('whatever is deployed: the plan is what happens, the next one is empty, and each kept revision can be gone back to', () => {
  fc.assert(
    fc.property(fc.array(wanted, { minLength: 2, maxLength: revisionsKept + 4 }), fc.nat(), (deploys, choice) => {
      const view = viewOf({ node: [aNode()] });
      const effects = new Map<number, unknown>();
      for (const one of deploys) {
        deploy(view, specOf(one), { prune: true });
        effects.set(view.get('stack', 'app')!.revision, effect(view));
      }
      const kept = revisionsOf(view, 'app');
      expect(kept.length).toBe(Math.min(revisionsKept, kept.at(-1)!.revision));
      const target = kept[choice % kept.length]!;
      const restored = restoredSpec(view, target, contents);
      expect(restored.problems).toEqual([]);
      deploy(view, restored.spec, { prune: true, rollbackTo: target.revision });
      expect(effect(view)).toEqual(effects.get(target.revision));
      expect(compareRevisions(target.spec, revisionsOf(view, 'app').at(-1)!.spec)).toEqual([]);
    }),
    { numRuns: 100 },
  );
});
