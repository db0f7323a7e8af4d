import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bug, seededRandom, Temporary, VirtualClock } from '../../base/src/index.js';
import type { Revision } from '../../model/src/index.js';
import { MemoryStore, type ElectionPort } from '../../store/src/index.js';
import { beatMs, campaign, runLeadership, staleMs, type ControlEvent } from '../src/index.js';

let clock: VirtualClock;
let store: MemoryStore;
let managers: Manager[];

beforeEach(() => {
  clock = new VirtualClock();
  store = new MemoryStore({ clock });
  managers = [];
});
afterEach(async () => {
  for (const manager of managers) {
    manager.stop();
    manager.isReachable = true;
    await clock.advance(5000);
    await manager.ended;
  }
});

/** A manager whose way to the store can be cut. */
class Manager {
  isReachable = true;
  office: { epoch: Revision; signal: AbortSignal } | undefined;
  readonly #abort = new AbortController();
  readonly ended: Promise<unknown>;
  readonly traced: ControlEvent[] = [];

  constructor(readonly id: string) {
    managers.push(this);
    const reach = <T>(call: () => Promise<T>): Promise<T> => (this.isReachable ? call() : Promise.reject(new Temporary('no quorum')));
    const election: ElectionPort = {
      readLeader: () => reach(() => store.readLeader()),
      takeLead: (managerId, seen) => reach(() => store.takeLead(managerId, seen)),
      beat: (epoch) => reach(() => store.beat(epoch)),
      resign: (epoch) => reach(() => store.resign(epoch)),
    };
    this.ended = campaign({
      election,
      managerId: id,
      clock,
      random: seededRandom(managers.length),
      trace: (event) => this.traced.push(event),
      signal: this.#abort.signal,
      onElected: (epoch, signal) => {
        this.office = { epoch, signal };
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      },
    });
  }

  get leads(): boolean {
    return this.office !== undefined && !this.office.signal.aborted;
  }

  stop(): void {
    this.#abort.abort(new Error('stopped'));
  }
}

describe('campaign', () => {
  it('elects a single manager at once', async () => {
    const manager = new Manager('m1');
    await clock.advance(0);
    expect(manager.leads).toBe(true);
    await clock.advance(60_000);
    expect(manager.leads).toBe(true);
    expect((await store.readLeader()).epoch).toBe(manager.office!.epoch);
  });

  it('elects a manager again at once after its own crash', async () => {
    await store.takeLead('m1', await store.readLeader());
    const manager = new Manager('m1');
    await clock.advance(0);
    expect(manager.leads).toBe(true);
  });

  it('keeps the others waiting while the leader beats', async () => {
    const [first, second] = [new Manager('m1'), new Manager('m2')];
    await clock.advance(60_000);
    expect([first.leads, second.leads]).toEqual([true, false]);
  });

  it('replaces a leader that went silent, which has stepped down by then', async () => {
    const first = new Manager('m1');
    await clock.advance(0);
    const second = new Manager('m2');
    await clock.advance(5000);
    first.isReachable = false;
    await clock.advance(staleMs);
    expect(first.leads).toBe(false);
    await clock.advance(beatMs + 2 * 150);
    expect(second.leads).toBe(true);
    expect(second.office!.epoch).toBeGreaterThan(first.office!.epoch);
    first.isReachable = true;
    await clock.advance(5000);
    expect([first.leads, second.leads]).toEqual([false, true]);
  });

  it('hands over at once when the leader is stopped', async () => {
    const first = new Manager('m1');
    await clock.advance(0);
    const second = new Manager('m2');
    await clock.advance(1000);
    first.stop();
    await clock.advance(200);
    expect([first.leads, second.leads]).toEqual([false, true]);
    await first.ended;
  });

  it('does not take the silence of the store for the silence of the leader', async () => {
    const first = new Manager('m1');
    await clock.advance(0);
    const second = new Manager('m2');
    await clock.advance(1000);
    first.isReachable = second.isReachable = false;
    await clock.advance(staleMs - 2 * beatMs);
    first.isReachable = second.isReachable = true;
    await clock.advance(5000);
    expect([first.leads, second.leads]).toEqual([true, false]);
  });
});

describe('runLeadership', () => {
  const options = () => ({ store, managerId: 'm1', clock, random: seededRandom(1), trace: () => undefined });
  const untilAborted = (signal: AbortSignal) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

  it('does its duties with a fenced store until it is stopped', async () => {
    const abort = new AbortController();
    const done: string[] = [];
    const duty = (name: string) => async (office: { epoch: Revision; signal: AbortSignal }) => {
      done.push(`${name} began`);
      await untilAborted(office.signal);
      done.push(`${name} ended`);
    };
    const running = runLeadership({ ...options(), signal: abort.signal, duties: [duty('a'), duty('b')] });
    await clock.advance(1000);
    expect(done).toEqual(['a began', 'b began']);
    abort.abort(new Error('stopped'));
    await clock.advance(1000);
    await running;
    expect(done).toEqual(['a began', 'b began', 'a ended', 'b ended']);
    expect((await store.readLeader()).managerId).toBe('');
  });

  it('rejects when a duty fails, after the others have ended', async () => {
    const done: string[] = [];
    const running = runLeadership({
      ...options(),
      signal: new AbortController().signal,
      duties: [
        async () => {
          throw new Bug('impossible');
        },
        async ({ signal }) => {
          await untilAborted(signal);
          done.push('ended');
        },
      ],
    });
    const outcome = running.catch((error: unknown) => error);
    await clock.advance(1000);
    expect(await outcome).toBeInstanceOf(Bug);
    expect(done).toEqual(['ended']);
  });

  it('stands again when a write found the office lost', async () => {
    const abort = new AbortController();
    let offices = 0;
    const running = runLeadership({
      ...options(),
      signal: abort.signal,
      duties: [
        async (office) => {
          offices++;
          if (offices > 1) return untilAborted(office.signal);
          await store.takeLead('m2', await store.readLeader());
          await office.store.commit([{ action: 'create', kind: 'stack', object: { id: 'x' } as never }]);
        },
      ],
    });
    await clock.advance(10_000);
    expect(offices).toBe(2);
    abort.abort(new Error('stopped'));
    await clock.advance(1000);
    await running;
  });
});
