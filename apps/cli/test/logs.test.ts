import { afterEach, describe, expect, test } from 'vitest';
import { shoal } from './run-shoal.js';
import { frame, readRecording, replay, stubManager, type StubManager } from './stub-manager.js';

let manager: StubManager | undefined;
afterEach(async () => {
  await manager?.close();
  manager = undefined;
});

describe('prints what docker printed, on the same streams', () => {
  test.each(['logs', 'logs-timestamps', 'logs-task', 'logs-noresolve', 'logs-no-task-ids', 'logs-raw'])('service/%s', async (name) => {
    const recording = readRecording(`service/${name}`);
    manager = await stubManager(replay(recording));
    const result = await shoal(recording.argv.slice(1), { host: manager.host });
    expect({ out: byTask(result.out), err: byTask(result.err), status: result.status }).toEqual({
      out: byTask(recording.stdout),
      err: byTask(recording.stderr),
      status: 0,
    });
  });
});

/** Both orders are right: docker prints each line when it has looked up its task. */
function byTask(text: string): string[] {
  return text.split('\n').sort();
}

const service = { ID: 's1', Spec: { Name: 'web', TaskTemplate: { ContainerSpec: {} } } };

test('lines are put together from frames', async () => {
  const raw = Buffer.concat([frame({ stream: 1, text: 'hel' }), frame({ stream: 1, text: 'lo\nlast' }), frame({ stream: 3, text: 'node b is down' })]);
  manager = await stubManager(({ path }) => (path.endsWith('/logs') ? { raw } : path.endsWith('/services/web') ? { json: service } : undefined));
  expect(await shoal(['service', 'logs', '--raw', 'web'], { host: manager.host })).toEqual({
    status: 0,
    out: 'hello\nlast',
    err: 'node b is down\n',
  });
});

test('an unknown service or task is refused with the nearest name', async () => {
  manager = await stubManager(({ path }) => (path.endsWith('/services') ? { json: [service] } : undefined));
  const result = await shoal(['service', 'logs', 'wbe'], { host: manager.host });
  expect(result).toEqual({ status: 1, out: '', err: 'no such service or task: wbe. Did you mean web?\n' });
});

test('--since takes an age', async () => {
  manager = await stubManager(({ path }) => (path.endsWith('/logs') ? { raw: Buffer.alloc(0) } : { json: service }));
  await shoal(['service', 'logs', '--since', '10m', 'web'], { host: manager.host, wallMs: 1_000_000_000 });
  expect(manager.seen.at(-1)!.query['since']).toBe('999400.000');
});
