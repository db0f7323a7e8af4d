import { describe, expect, it } from 'vitest';
import { Refused } from '../../base/src/index.js';
import { containerIdOf } from '../src/index.js';
import { assigned, OneNode } from './one-node.js';

const container = containerIdOf('task-1');
const withMemory = (memoryBytes: number | undefined, desiredState: 'ready' | 'running' = 'running') =>
  assigned({ desiredState, template: { resources: { limits: { ...(memoryBytes && { memoryBytes }), cpuShares: 512 } } } });

describe('other limits of a task', () => {
  it('are given to its container, which runs on', async () => {
    const node = await OneNode.open();
    await node.assign(withMemory(1 << 26));
    await node.change([withMemory(1 << 27)]);
    expect(node.runtime.request(container)!.limits).toEqual({ memoryBytes: 1 << 27 });
    await node.change([withMemory(undefined)]);
    expect(node.runtime.request(container)!.limits).toEqual({});
    expect(node.calls()).toEqual(['create', 'start', 'replace limits', 'replace limits']);
    expect(node.states()).toEqual(['accepted', 'preparing', 'ready', 'starting', 'running']);
  });

  it('reach one that is prepared, and one whose agent came anew', async () => {
    const node = await OneNode.open();
    await node.assign(withMemory(1 << 26, 'ready'));
    await node.change([withMemory(1 << 27, 'ready')]);
    await node.change([withMemory(1 << 27)]);
    await node.restart();
    expect(node.calls()).toEqual(['create', 'replace limits', 'start']);
    await node.assign(withMemory(1 << 28));
    expect(node.calls().at(-1)).toBe('replace limits');
    expect(node.state()).toBe('running');
  });

  it('that the kernel refuses are told, and tried again until it takes them', async () => {
    const node = await OneNode.open();
    let refuses = true;
    const replaceLimits = () => {
      if (refuses) throw new Refused('invalid', 'the container uses more than that now');
    };
    node.behaviors.set('task-1', { replaceLimits });
    await node.assign(withMemory(1 << 27));
    await node.change([withMemory(1 << 26)]);
    expect(node.status()).toMatchObject({ state: 'running', error: 'its limits could not be changed: the container uses more than that now' });
    refuses = false;
    await node.clock.advance(10_000);
    expect(node.runtime.request(container)!.limits).toEqual({ memoryBytes: 1 << 26 });
    expect(node.status()).toMatchObject({ state: 'running', error: '' });
  });

  it('that were refused and are taken back are no trouble any more', async () => {
    const node = await OneNode.open();
    node.behaviors.set('task-1', { replaceLimits: ({ memoryBytes }) => { if (memoryBytes === 1 << 26) throw new Refused('invalid', 'no'); } });
    await node.assign(withMemory(1 << 27));
    await node.change([withMemory(1 << 26)]);
    await node.change([withMemory(1 << 27)]);
    expect(node.status()).toMatchObject({ state: 'running', error: '' });
  });
});
