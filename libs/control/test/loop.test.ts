import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bug, Refused, seededRandom, Temporary, VirtualClock } from '../../base/src/index.js';
import type { Change, ClusterView, Decide, Draft, Network } from '../../model/src/index.js';
import { CommitTooLarge, MemoryStore, type Store } from '../../store/src/index.js';
import { runLoop, type ControlEvent, type Subsystem } from '../src/index.js';

let clock: VirtualClock;
let store: MemoryStore;
let ended: AbortController;
let traced: ControlEvent[];
let running: Promise<unknown>;

beforeEach(() => {
  clock = new VirtualClock();
  store = new MemoryStore({ clock });
  ended = new AbortController();
  traced = [];
  running = Promise.resolve();
});
afterEach(async () => {
  ended.abort(new Error('the test is over'));
  await running;
});

function start(subsystems: readonly Subsystem[], on: Store = store): void {
  running = runLoop({ store: on, subsystems, clock, random: seededRandom(1), trace: (event) => traced.push(event), signal: ended.signal }).catch(
    (error: unknown) => error,
  );
}

function network(id: string): Draft<Network> {
  const spec = { name: id, labels: {}, driver: 'overlay', driverOpts: {}, internal: false, attachable: false, ingress: false, ipv6: false };
  return { id, createdAt: '', updatedAt: '', spec };
}

const creation = (id: string): Change => ({ action: 'create', kind: 'network', object: network(id) });

/** Creates `second` as soon as there is `first`. */
function follows(first: string, second: string): Decide {
  return (view) => ({ changes: view.get('network', first) && !view.get('network', second) ? [creation(second)] : [] });
}

function ids(view: ClusterView): string[] {
  return [...view.all('network')].map(({ id }) => id);
}

describe('runLoop', () => {
  it('settles what each subsystem makes of the others in one pass', async () => {
    start([
      { name: 'c', decide: follows('b', 'c') },
      { name: 'b', decide: follows('a', 'b') },
    ]);
    await clock.advance(1000);
    expect(ids(store.view())).toEqual([]);
    await store.commit([creation('a')]);
    await clock.advance(0);
    expect(ids(store.view())).toEqual(['a', 'b', 'c']);
    expect(traced.map((event) => event.event === 'decided' && event.subsystem)).toEqual(['b', 'c']);
  });

  it('does not look again at its own commits', async () => {
    let looks = 0;
    const counted: Decide = (view, context) => {
      looks++;
      return follows('a', 'b')(view, context);
    };
    start([{ name: 'b', decide: counted }]);
    await clock.advance(1000);
    expect(looks).toBe(1);
    await store.commit([creation('a')]);
    await clock.advance(60_000);
    expect(looks).toBe(3);
  });

  it('looks again when a decision asked for it', async () => {
    const atMs = clock.wallMs() + 30_000;
    start([{ name: 'late', decide: (view, { nowMs }) => (nowMs < atMs ? { changes: [], lookAgainAtMs: atMs } : follows('a', 'b')(view, { nowMs, random: seededRandom(1) })) }]);
    await store.commit([creation('a')]);
    await clock.advance(29_999);
    expect(ids(store.view())).toEqual(['a']);
    await clock.advance(1);
    expect(ids(store.view())).toEqual(['a', 'b']);
  });

  it('asks a decision that is never content at a bounded rate', async () => {
    let looks = 0;
    start([{ name: 'eager', decide: (_view, { nowMs }) => ({ changes: [], lookAgainAtMs: (looks++, nowMs) }) }]);
    await clock.advance(1000);
    expect(looks).toBeLessThanOrEqual(52);
  });

  it('decides again after a conflict', async () => {
    await store.commit([creation('a')]);
    let failures = 1;
    const conflicting: Store = { ...facade(store), commit: async (changes) => (failures-- > 0 ? Promise.reject(new Refused('conflict', 'changed meanwhile')) : store.commit(changes)) };
    start([{ name: 'b', decide: follows('a', 'b') }], conflicting);
    await clock.advance(0);
    expect(ids(store.view())).toEqual(['a', 'b']);
    expect(traced[0]).toEqual({ event: 'decision-outdated', subsystem: 'b', reason: 'changed meanwhile' });
  });

  it('waits longer and longer for a store that fails', async () => {
    await store.commit([creation('a')]);
    let attempts = 0;
    let works = false;
    const failing: Store = { ...facade(store), commit: async (changes) => (attempts++, works ? store.commit(changes) : Promise.reject(new Temporary('no quorum'))) };
    start([{ name: 'b', decide: follows('a', 'b') }], failing);
    await clock.advance(20_000);
    expect(attempts).toBeGreaterThan(5);
    expect(attempts).toBeLessThan(15);
    works = true;
    await clock.advance(3000);
    expect(ids(store.view())).toEqual(['a', 'b']);
  });

  it('splits what one transaction cannot hold, never between changes of one object', async () => {
    const commits: number[] = [];
    const small: Store = {
      ...facade(store),
      commit: async (changes) => {
        if (changes.length > 4) throw new CommitTooLarge('at most 4');
        commits.push(changes.length);
        return store.commit(changes);
      },
    };
    const names = ['n1', 'n2', 'n3', 'n4', 'n5'];
    const all: Decide = (view) => ({
      changes: view.count('network') ? [] : [...names.map(creation), ...names.map((id): Change => ({ action: 'update', kind: 'network', object: network(id) }))],
    });
    start([{ name: 'all', decide: all }], small);
    await clock.advance(0);
    expect(ids(store.view())).toEqual(names);
    expect(commits).toEqual([4, 2, 4]);
  });

  it('ends with a bug, and says whose', async () => {
    start([{ name: 'broken', decide: () => { throw new Bug('impossible'); } }]);
    await expect(running).resolves.toBeInstanceOf(Bug);
    expect(traced).toEqual([{ event: 'subsystem-failed', subsystem: 'broken', error: 'bug in Shoal: impossible' }]);
  });

  it('slows down subsystems that never agree', async () => {
    await store.commit([creation('a')]);
    let commits = 0;
    start([{ name: 'undecided', decide: () => ({ changes: [{ action: 'update', kind: 'network', object: network('a') }] }) }], {
      ...facade(store),
      commit: (changes) => (commits++, store.commit(changes)),
    });
    await clock.advance(2500);
    expect(commits).toBe(30);
    expect(traced).toContainEqual({ event: 'not-settling', subsystems: ['undecided'], rounds: 100 });
  });

  it('stops when out of office', async () => {
    const epoch = (await store.takeLead('m1', await store.readLeader()))!;
    await store.commit([creation('a')]);
    await store.takeLead('m2', await store.readLeader());
    start([{ name: 'b', decide: follows('a', 'b') }], store.fencedBy(epoch));
    await expect(running).resolves.toMatchObject({ name: 'Refused', code: 'precondition' });
    expect(ids(store.view())).toEqual(['a']);
  });
});

/** A store whose methods can be replaced one by one. */
function facade(of: Store): Store {
  return { view: () => of.view(), commit: (changes, signal) => of.commit(changes, signal), watch: (listener) => of.watch(listener), fencedBy: (epoch) => of.fencedBy(epoch) };
}
