import { describe, expect, it } from 'vitest';
import { Bell, KeyedSequencer, Lifetime, Milestone } from '../src/index.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('Bell', () => {
  it('makes one pass of any number of rings, and one more of a ring during it', async () => {
    const bell = new Bell();
    const stop = new AbortController();
    let passes = 0;
    const loop = (async () => {
      for (;;) {
        await bell.wait(stop.signal);
        passes++;
        await turn();
      }
    })().catch(() => undefined);
    bell.ring();
    bell.ring();
    await turn();
    expect(passes).toBe(1);
    bell.ring();
    await turn();
    await turn();
    expect(passes).toBe(2);
    stop.abort(new Error('enough'));
    await loop;
  });

  it('gives up with the reason of the abort', async () => {
    const stop = new AbortController();
    const waiting = new Bell().wait(stop.signal);
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});

describe('KeyedSequencer', () => {
  it('runs the jobs of a key one after the other, those of others beside them, whatever fails', async () => {
    const sequencer = new KeyedSequencer();
    const log: string[] = [];
    const job = (name: string, turns: number, fails = false) => async () => {
      log.push(`${name} begins`);
      for (let i = 0; i < turns; i++) await turn();
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
    const results = await Promise.allSettled([
      sequencer.run('a', job('a1', 3, true)),
      sequencer.run('a', job('a2', 1)),
      sequencer.run('b', job('b1', 1)),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(log.filter((line) => line.startsWith('a'))).toEqual(['a1 begins', 'a1 ends', 'a2 begins', 'a2 ends']);
    expect(log.indexOf('b1 ends')).toBeLessThan(log.indexOf('a1 ends'));
  });
});

describe('Milestone', () => {
  it('wakes those whose number was reached, and only them', async () => {
    const milestone = new Milestone();
    const { signal } = new AbortController();
    const reached: number[] = [];
    for (const value of [1, 2, 3]) void milestone.wait(value, signal).then(() => reached.push(value));
    milestone.reach(2);
    milestone.reach(1);
    await turn();
    expect(reached).toEqual([1, 2]);
    milestone.reach(3);
    await turn();
    expect(reached).toEqual([1, 2, 3]);
    await milestone.wait(3, signal);
  });

  it('gives up with the reason of the abort', async () => {
    const stop = new AbortController();
    const waiting = new Milestone().wait(1, stop.signal);
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});

describe('Lifetime', () => {
  it('releases in reverse, all of it, once, after its signal', async () => {
    const lifetime = new Lifetime();
    const log: string[] = [];
    lifetime.signal.addEventListener('abort', () => log.push('signal'));
    lifetime.own('first', (name) => log.push(name));
    lifetime.own('second', () => {
      log.push('second');
      throw new Error('second failed');
    });
    lifetime.own('third', (name) => log.push(name));
    await expect(lifetime.end()).rejects.toThrow('second failed');
    await expect(lifetime.end()).rejects.toThrow('second failed');
    expect(log).toEqual(['signal', 'third', 'second', 'first']);
  });

  it('joins several failures', async () => {
    const lifetime = new Lifetime();
    for (const name of ['a', 'b']) {
      lifetime.own(name, () => {
        throw new Error(name);
      });
    }
    await expect(lifetime.end()).rejects.toMatchObject({ errors: [{ message: 'b' }, { message: 'a' }] });
  });
});
