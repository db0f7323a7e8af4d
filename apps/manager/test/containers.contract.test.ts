import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContainerProcess } from '../../../libs/runtime/src/runtime.js';
import type { ContainerStreams } from '../src/http/container-streams.js';
import { DetachKeys, parseDetachKeys } from '../src/engine-api/containers/detach-keys.js';
import { pathStatHeader } from '../src/engine-api/containers/path-stat.js';
import { topTo } from '../src/engine-api/containers/top.js';
import { managerNodeId, putTask, startHttpHarness, workerNodeId, type HttpHarness } from './http-harness.js';

describe('detach keys', () => {
  it('are read as docker reads them', () => {
    expect([...parseDetachKeys('')]).toEqual([16, 17]);
    expect([...parseDetachKeys('a,ctrl-a,ctrl-@,ctrl-_')]).toEqual([97, 1, 0, 31]);
    expect(() => parseDetachKeys('ctrl-')).toThrow(/Unknown character: 'ctrl-'/);
  });

  it('are found however the input is cut, and nothing else is lost', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(16, 17, 97), { maxLength: 12 }), fc.boolean(), fc.integer({ min: 1, max: 4 }), (typed, detach, size) => {
        const keys = new DetachKeys(Buffer.from([16, 17]));
        const clean = typed.filter((byte, i) => !(byte === 17 && typed[i - 1] === 16)).filter((byte, i, all) => !(byte === 17 && all[i - 1] === 16));
        const all = Buffer.from([...clean, 97, ...(detach ? [16, 17, 98] : [])]);
        fc.pre(!all.subarray(0, clean.length).includes(Buffer.from([16, 17])));
        const passed: number[] = [];
        let detached = false;
        for (let at = 0; at < all.length && !detached; at += size) {
          const { input, detached: now } = keys.filter(all.subarray(at, at + size));
          passed.push(...input);
          detached = now;
        }
        expect({ passed, detached }).toEqual({ passed: [...clean, 97], detached: detach });
      }),
    );
  });
});

describe('docker top', () => {
  const process: ContainerProcess = { pid: 7, parentPid: 1, uid: 0, state: 'S', threads: 1, startedAtMs: Date.UTC(2026, 0, 2, 3, 4), cpuMs: 65_000, residentBytes: 2048, virtualBytes: 4096, terminal: '', name: 'sh', command: 'sh -c x' };
  const rows = (psArguments: string, nowMs = process.startedAtMs + 130_000) => topTo(psArguments)([process], nowMs);

  it.each([
    ['-ef', ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'], ['root', '7', '1', '50', '03:04', '?', '00:01:05', 'sh -c x']],
    ['aux', ['USER', 'PID', '%CPU', 'VSZ', 'RSS', 'TTY', 'STAT', 'START', 'TIME', 'COMMAND'], ['root', '7', '50.0', '4', '2', '?', 'S', '03:04', '00:01:05', 'sh -c x']],
    ['-o pid,cmd', ['PID', 'COMMAND'], ['7', 'sh -c x']],
    ['-eo pid -o rss=MEMORY,comm', ['PID', 'RSS', 'COMMAND'], ['7', '2', 'sh']],
  ])('knows ps %s', (psArguments, titles, cells) => expect(rows(psArguments)).toEqual({ Titles: titles, Processes: [cells] }));

  it('shows the day of what began long ago, and names what it does not know', () => {
    expect(rows('-o stime', Date.UTC(2026, 5, 1))['Processes']).toEqual([['Jan02']]);
    expect(() => rows('-o pid,nosuch')).toThrow(/no column "nosuch"/);
    expect(() => rows('--forest')).toThrow(/not understood/);
  });
});

it('tells modes as Go writes them', () => {
  const mode = (unix: number) => (JSON.parse(Buffer.from(pathStatHeader({ name: 'a', size: 0, mode: unix, mtime: '', linkTarget: '' }), 'base64').toString()) as { mode: number }).mode;
  expect(mode(0o100644)).toBe(0o644);
  expect(mode(0o040755)).toBe(2147484141); // os.ModeDir | 0755
  expect(mode(0o041777)).toBe(0x80000000 + 0x100000 + 0o777);
  expect(mode(0o120777)).toBe(134218239); // os.ModeSymlink | 0777
  expect(mode(0o104755)).toBe(0x800000 + 0o755);
});

describe('the containers of the cluster', () => {
  let harness: HttpHarness;
  const running = 'a'.repeat(64);
  const ended = 'b'.repeat(64);
  const streams: ContainerStreams = {
    async open({ nodeId }, operation) {
      const result = operation.kind === 'states' && nodeId === workerNodeId ? { [running]: { isPaused: true, health: 'none' } } : {};
      return { started: {}, output: (async function* () {})(), result, write: async () => undefined, endInput() {}, resize() {}, signal() {}, discard() {}, close() {} };
    },
  };
  beforeAll(async () => {
    harness = await startHttpHarness({ containerStreams: streams });
    await harness.docker('service', 'create', '-d', '--no-resolve-image', '--name', 'web', '--label', 'l=1', '--container-label', 'tier=front', 'nginx:1', 'sleep', '9');
    const status = (id: string, exitCode?: number) => ({ timestamp: new Date().toISOString(), message: '', error: '', container: { id, pid: 1, ...(exitCode !== undefined && { exitCode }) } });
    await putTask(harness, 'web', { slot: 1, nodeId: managerNodeId, state: 'failed', status: { state: 'failed', ...status(ended, 3) } });
    await putTask(harness, 'web', { slot: 1, nodeId: workerNodeId, state: 'running', status: { state: 'running', ...status(running) } });
    await putTask(harness, 'web', { slot: 2, nodeId: '', state: 'pending', status: { state: 'pending', timestamp: '', message: 'pending', error: 'no suitable node' } });
  });
  afterAll(() => harness.end());

  it('are listed as docker lists them; those of the past when asked for', async () => {
    const names = async (...args: string[]) => (await harness.docker('ps', '--format', '{{.ID}} {{.State}} {{.Status}}', ...args)).stdout.trim().split('\n');
    expect(await names()).toEqual([expect.stringMatching(/^aaaaaaaaaaaa paused Up .* \(Paused\)$/)]);
    expect(await names('-a')).toEqual([expect.stringMatching(/^a+ paused/), expect.stringMatching(/^b+ exited Exited \(3\) .* ago$/)]);
    expect(await names('--filter', 'exited=3')).toEqual([expect.stringMatching(/^b+ /)]);
    expect(await names('--filter', 'name=^web\\.1\\.', '--filter', 'label=tier=front', '--filter', 'node=w1')).toHaveLength(1);
    expect(await names('--filter', 'label=tier=back')).toEqual(['']);
    expect((await harness.docker('ps', '--filter', 'status=zz')).stderr).toContain("Invalid filter 'status=zz'");
  });

  it('are found by id, prefix, task and name; a living one before its predecessors', async () => {
    for (const reference of [running, 'aaaa', 'web.1', `web.1.${[...harness.store.view().all('task')].find((task) => task.nodeId === workerNodeId)!.id}`]) {
      expect((await harness.call('GET', `/containers/${reference}/json`)).json, reference).toMatchObject({ Id: running, State: { Status: 'running', Running: true }, Config: { Labels: { tier: 'front' } } });
    }
    expect(await harness.call('GET', '/containers/nope/json')).toMatchObject({ status: 404, json: { message: 'No such container: nope' } });
    expect(await harness.call('GET', '/containers/web.2/json')).toMatchObject({ status: 409, json: { message: 'task web.2 has no container: it is pending (no suitable node)' } });
  });

  it('that have ended refuse what needs a process', async () => {
    expect(await harness.call('POST', `/containers/${ended}/exec`, { Cmd: ['ls'] })).toMatchObject({ status: 409, json: { message: expect.stringContaining('is not running') } });
    expect(await harness.call('POST', `/containers/${ended}/stop`)).toMatchObject({ status: 304 });
    expect(await harness.call('POST', `/containers/${ended}/start`)).toMatchObject({ status: 409, json: { message: expect.stringContaining('a task is never run twice') } });
    expect(await harness.call('POST', `/containers/${ended}/wait`)).toMatchObject({ status: 200, json: { StatusCode: 3, Error: null } });
  });

  it('give out an exec only once, and none that nobody made', async () => {
    const { json } = await harness.call('POST', `/containers/${running}/exec`, { Cmd: ['ls'], AttachStdout: true });
    expect((await harness.call('GET', `/exec/${json.Id}/json`)).json).toMatchObject({ ID: json.Id, Running: false, ExitCode: null, ContainerID: running });
    await harness.call('POST', `/exec/${json.Id}/start`, { Detach: false });
    expect(await harness.call('POST', `/exec/${json.Id}/start`, {})).toMatchObject({ status: 409 });
    expect(await harness.call('POST', '/exec/nope/start', {})).toMatchObject({ status: 404, json: { message: 'No such exec instance: nope' } });
    expect(await harness.call('POST', `/containers/${running}/exec`, { Cmd: [] })).toMatchObject({ status: 400, json: { message: 'No exec command specified' } });
  });
});
