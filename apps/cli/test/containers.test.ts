import { mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync, existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { encodeHeader, endOfArchive, padding, type WrittenHeader } from '../../../libs/base/src/tar/index.js';
import { pack } from '../src/containers/pack.js';
import { unpack } from '../src/containers/unpack.js';
import { usageOf, type Sample } from '../src/containers/usage.js';
import { protectExec } from '../src/exec-words.js';
import { shoal } from './run-shoal.js';
import { stubManager, type StubManager } from './stub-manager.js';

test.each([
  ['exec -it web ls -l', 'exec -it -- web ls -l'],
  ['-H unix:///x exec -e A=1 -u root web sh -c "ls -e"', '-H unix:///x exec -e A=1 -u root -- web sh -c "ls -e"'],
  ['exec web -- ls', 'exec -- web ls'],
  ['exec -- web ls -l', 'exec -- web ls -l'],
  ['exec --help', 'exec --help'],
  ['service ls', 'service ls'],
])('%s: the flags of the command are its own', (line, protectedLine) => expect(protectExec(line.split(' ')).join(' ')).toBe(protectedLine));

describe('an archive from a container', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'shoal-cp-'));
    mkdirSync(join(dir, 'in'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const entry = (name: string, more: Partial<WrittenHeader> = {}): Buffer => {
    const header: WrittenHeader = { name, type: 'file', mode: 0o644, uid: 0, gid: 0, size: more.type && more.type !== 'file' ? 0 : 4, mtimeNs: 0n, linkName: '', deviceMajor: 0, deviceMinor: 0, xattrs: new Map(), ...more };
    return header.size > 0 ? Buffer.concat([encodeHeader(header), Buffer.from('evil'), padding(4)]) : encodeHeader(header);
  };
  async function* archive(...entries: Buffer[]): AsyncGenerator<Buffer> {
    yield* entries;
    yield endOfArchive();
  }
  const into = (topName?: string) => ({ directory: join(dir, 'in'), keepOwners: false, ...(topName !== undefined && { topName }) });

  it.each(['../out', 'a/../../out', '/../out'])('does not write to %s, outside of its folder', async (name) => {
    await expect(unpack(archive(entry(name)), into())).rejects.toThrow(/outside of/);
    expect(existsSync(join(dir, 'out'))).toBe(false);
  });

  it('does not write through a link that it brings', async () => {
    const link = entry('top/link', { type: 'symlink', linkName: dir });
    await expect(unpack(archive(entry('top/', { type: 'directory' }), link, entry('top/link/out')), into())).rejects.toThrow(/which is no folder/);
    expect(existsSync(join(dir, 'out'))).toBe(false);
  });

  it('replaces a link by the file, and does not write to where it led', async () => {
    writeFileSync(join(dir, 'out'), 'mine');
    symlinkSync(join(dir, 'out'), join(dir, 'in/file'));
    await unpack(archive(entry('file')), into());
    expect(readFileSync(join(dir, 'out'), 'utf8')).toBe('mine');
    expect(readFileSync(join(dir, 'in/file'), 'utf8')).toBe('evil');
  });

  it('that was made of a folder comes back as that folder, under a new name', async () => {
    mkdirSync(join(dir, 'from/sub'), { recursive: true });
    writeFileSync(join(dir, 'from/sub/ä'), 'text', { mode: 0o600 });
    symlinkSync('sub/ä', join(dir, 'from/l'));
    await unpack(pack(join(dir, 'from'), 'from', false), into('new'));
    expect(readFileSync(join(dir, 'in/new/sub/ä'), 'utf8')).toBe('text');
    expect(readlinkSync(join(dir, 'in/new/l'))).toBe('sub/ä');
  });
});

test('use is counted as docker counts it', () => {
  const cpu = (total: number, machine?: number) => ({ cpu_usage: { total_usage: total }, ...(machine !== undefined && { system_cpu_usage: machine, online_cpus: 2 }) });
  const sample: Sample = { id: '', name: '', cpu_stats: cpu(300, 2000), precpu_stats: cpu(100, 1000), memory_stats: { usage: 100, limit: 1000, stats: { total_inactive_file: 30 } }, pids_stats: { current: 2 }, networks: { eth0: { rx_bytes: 1, tx_bytes: 2 }, eth1: { rx_bytes: 10, tx_bytes: 20 } } };
  expect(usageOf(sample)).toMatchObject({ cpuPercent: 40, memoryBytes: 70, receivedBytes: 11, sentBytes: 22, processes: 2 });
  expect(usageOf({ ...sample, precpu_stats: cpu(0) }).cpuPercent).toBe(0);
});

describe('what a user calls a container', () => {
  let stub: StubManager;
  const container = (id: string, slot: number, State: string, service = 'demo_web') => ({
    Id: id.repeat(64),
    Names: [`/${service}.${slot}.t${id}`],
    Image: 'i',
    Command: '',
    Created: 1,
    Ports: [],
    Labels: { 'com.docker.swarm.service.name': service, 'com.docker.swarm.task.id': `t${id}`, 'com.docker.swarm.node.id': 'n1' },
    State,
    Status: '',
  });
  beforeEach(async () => {
    const all = [container('a', 1, 'exited'), container('b', 1, 'running'), container('c', 2, 'running'), container('d', 1, 'exited', 'old')];
    stub = await stubManager(({ method, path }) => {
      if (path.endsWith('/containers/json')) return { json: all };
      if (path.endsWith('/nodes/n1')) return { json: { ID: 'n1', Description: { Hostname: 'node-1' } } };
      return method === 'POST' ? { status: 204 } : undefined;
    });
  });
  afterEach(() => stub.close());
  const killed = async (target: string) => {
    const result = await shoal(['kill', target], { host: stub.host });
    const post = stub.seen.find(({ method }) => method === 'POST');
    return { ...result, id: post?.path.split('/').at(-2)?.[0] };
  };

  it.each([
    ['c'.repeat(64), 'c'],
    ['ccc', 'c'],
    ['tc', 'c'],
    ['demo_web.2', 'c'],
    ['demo_web.1', 'b'],
    ['demo_web.1.ta', 'a'],
  ])('%s is container %s', async (target, id) => expect(await killed(target)).toMatchObject({ status: 0, id, err: '' }));

  it('may be a service: one that runs is chosen and named', async () => {
    expect(await killed('demo_web')).toMatchObject({ status: 0, id: 'b', out: 'demo_web\n', err: 'demo_web.1 on node-1 (one of 2)\n' });
    expect(await killed('old')).toMatchObject({ status: 1, err: 'service old runs no task at the moment: "shoal service ps old" says why\n' });
  });

  it('may be wrong: the nearest name is told', async () => {
    expect(await killed('demo_wbe')).toMatchObject({ status: 1, err: 'no such container, task or service: demo_wbe. Did you mean demo_web?\n' });
  });
});
