import { expect, test } from 'vitest';
import type { ContainerRequest, Runtime } from '../src/index.js';

/** What every Runtime promises. `request` makes a container that runs until it is told to end with SIGTERM, prints `up`, or fails to start. */
export function runtimeContract(open: () => { runtime: Runtime; signal: AbortSignal; request: (kind: 'runs' | 'missing') => ContainerRequest; up: (id: string) => void | Promise<void> }): void {
  test('a container goes from created to running to exited, and is gone when removed', async () => {
    const { runtime, signal, request, up } = open();
    const made = request('runs');
    expect(await runtime.status(made.id)).toBeUndefined();
    await runtime.create(made, signal);
    expect(await runtime.status(made.id)).toMatchObject({ state: 'created', labels: made.labels });
    const { pid } = await runtime.start(made.id);
    await up(made.id);
    expect(await runtime.status(made.id)).toMatchObject({ state: 'running', pid });
    expect((await runtime.list()).map(({ id }) => id)).toContain(made.id);
    const waiting = runtime.wait(made.id, signal);
    await runtime.signal(made.id, 'SIGTERM');
    expect(await waiting).toMatchObject({ code: 143, oomKilled: false });
    expect(await runtime.status(made.id)).toMatchObject({ state: 'exited', exit: { code: 143 } });
    await runtime.signal(made.id, 'SIGKILL');
    await runtime.remove(made.id);
    await runtime.remove(made.id);
    expect(await runtime.status(made.id)).toBeUndefined();
  });

  test('a program that is not there is refused at the start, and recorded', async () => {
    const { runtime, signal, request } = open();
    const made = request('missing');
    await runtime.create(made, signal);
    await expect(runtime.start(made.id)).rejects.toMatchObject({ name: 'Refused' });
    expect(await runtime.wait(made.id, signal)).toMatchObject({ code: 127, startError: expect.stringContaining('executable file not found') as string });
    await runtime.remove(made.id);
  });

  test('refusals', async () => {
    const { runtime, signal, request } = open();
    await expect(runtime.start('unknown')).rejects.toMatchObject({ name: 'Refused', code: 'not-found' });
    await expect(runtime.wait('unknown', signal)).rejects.toMatchObject({ name: 'Refused', code: 'not-found' });
    await runtime.signal('unknown', 'SIGTERM');
    const made = request('runs');
    await runtime.create(made, signal);
    await expect(runtime.create({ ...request('runs'), id: made.id }, signal)).rejects.toMatchObject({ code: 'already-exists' });
    await expect(runtime.exec(made.id, { argv: ['true'], timeoutMs: 1000, maxOutputBytes: 10 }, signal)).rejects.toMatchObject({ code: 'precondition' });
    await expect(runtime.create(request('runs'), AbortSignal.abort(new Error('no more')))).rejects.toThrow('no more');
    await runtime.remove(made.id);
  });

  test('waiting ends with its signal, not the container', async () => {
    const { runtime, signal, request } = open();
    const made = request('runs');
    await runtime.create(made, signal);
    await runtime.start(made.id);
    const abort = new AbortController();
    const waiting = runtime.wait(made.id, abort.signal);
    abort.abort(new Error('looked elsewhere'));
    await expect(waiting).rejects.toThrow('looked elsewhere');
    expect(await runtime.status(made.id)).toMatchObject({ state: 'running' });
    await runtime.remove(made.id);
  });

  test('a paused container stands still and can be looked at; resumed, it goes on', async () => {
    const { runtime, signal, request, up } = open();
    const made = request('runs');
    await runtime.create(made, signal);
    await expect(runtime.pause(made.id)).rejects.toMatchObject({ code: 'precondition' });
    await expect(runtime.top(made.id)).rejects.toMatchObject({ code: 'precondition' });
    const { pid } = await runtime.start(made.id);
    await up(made.id);
    await expect(runtime.resume(made.id)).rejects.toMatchObject({ code: 'precondition' });
    await runtime.pause(made.id);
    expect(await runtime.status(made.id)).toMatchObject({ state: 'paused', pid });
    await expect(runtime.pause(made.id)).rejects.toMatchObject({ code: 'precondition' });
    await expect(runtime.exec(made.id, { argv: ['true'], timeoutMs: 1000, maxOutputBytes: 10 }, signal)).rejects.toMatchObject({ code: 'precondition' });
    expect((await runtime.top(made.id)).map((process) => process.pid)).toContain(pid);
    expect((await runtime.stats(made.id)).pids.current).toBeGreaterThan(0);
    await runtime.resume(made.id);
    expect(await runtime.status(made.id)).toMatchObject({ state: 'running', pid });
    await runtime.remove(made.id);
  });

  test('a paused container can be killed and removed', async () => {
    const { runtime, signal, request, up } = open();
    const made = request('runs');
    await runtime.create(made, signal);
    await runtime.start(made.id);
    await up(made.id);
    await runtime.pause(made.id);
    await runtime.signal(made.id, 'SIGKILL');
    expect(await runtime.wait(made.id, signal)).toMatchObject({ code: 137, oomKilled: false });
    await expect(runtime.resume(made.id)).rejects.toMatchObject({ code: 'precondition' });
    await expect(runtime.stats(made.id)).rejects.toMatchObject({ code: 'precondition' });
    await runtime.remove(made.id);
  });

  test('limits change while it runs', async () => {
    const { runtime, signal, request, up } = open();
    const made = request('runs');
    await runtime.create(made, signal);
    await runtime.start(made.id);
    await up(made.id);
    await runtime.update(made.id, { memoryBytes: 64 << 20 });
    expect((await runtime.stats(made.id)).memory.limitBytes).toBe(64 << 20);
    await runtime.replaceLimits(made.id, { memoryBytes: 32 << 20 });
    expect((await runtime.stats(made.id)).memory.limitBytes).toBe(32 << 20);
    expect((await runtime.status(made.id))!.limits).toEqual({ memoryBytes: 32 << 20 });
    await runtime.remove(made.id);
    await expect(runtime.update(made.id, {})).rejects.toMatchObject({ code: 'not-found' });
  });
}
