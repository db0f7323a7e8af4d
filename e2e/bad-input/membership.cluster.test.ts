import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distDir, prefix, useCluster } from '../harness/fixture.js';
import type { Host } from '../harness/host.js';
import { until } from '../harness/wait.js';

const test = useCluster({ nodes: 2 });
const cli = [process.execPath, join(distDir, 'cli/shoal.cjs')];

/** Runs `shoal …` on a host, as its root would. */
async function onHost(host: Host, ...args: string[]) {
  const startedMs = performance.now();
  const { status, stdout, stderr } = await host.run([...cli, ...args], { deadlineMs: 60_000 });
  return { status, output: stdout + stderr, durationMs: performance.now() - startedMs };
}

describe('joining', () => {
  let stateDir: string;
  let token: string;
  let manager: string;

  beforeAll(async () => {
    stateDir = mkdtempSync(join(test.dir, 'newcomer-'));
    token = (await test.cluster.shoal(['join-token', '-q', 'worker'])).stdout.trim();
    manager = `${test.cluster.manager.address}:2377`;
  });
  afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

  const withSecret = (text: string) => text.replace(/[^-]+$/, (secret) => `${secret[0] === '1' ? '2' : '1'}${secret.slice(1)}`);
  const withDigest = (text: string) => text.replace(/^(SHOALTKN-1-)(.)/, (_all, start: string, digit: string) => `${start}${digit === '0' ? '1' : '0'}`);

  it.each<[string, () => [string, string], RegExp]>([
    ['a text that is no token', () => ['not-a-token', manager], /invalid join token.*shoal join-token/s],
    ['a token of another cluster', () => [withDigest(token), manager], /does not belong to the cluster of this token/],
    ['a token whose secret is wrong', () => [withSecret(token), manager], /token/i],
    ['a manager that is not running', () => [token, `${test.cluster.host('node-2').address}:2377`], /cannot reach|refused/i],
    ['a host that does not exist', () => [token, `${prefix}.99:2377`], /cannot reach|no answer|unreachable|timed out/i],
    ['an address that is none', () => [token, 'no where'], /no where/],
  ])('with %s: one clear message within seconds, nothing written, no node', async (_what, arguments_, message) => {
    const [given, address] = arguments_();
    const result = await onHost(test.cluster.host('node-2'), 'join', '--token', given, '--state-dir', stateDir, '--no-start', address);
    expect(result.output).toMatch(message);
    expect(result.output).not.toMatch(/\n\s+at |Bug|undefined/);
    expect(result.output.trim().split('\n').length).toBeLessThanOrEqual(4);
    expect(result.status).not.toBe(0);
    expect(result.durationMs).toBeLessThan(20_000);
    expect(readdirSync(stateDir)).toEqual([]);
    expect(await test.get<unknown[]>('/nodes')).toHaveLength(2);
  });

  it('a second time is refused: a host belongs to one cluster', async () => {
    const host = test.cluster.host('node-2');
    const before = readFileSync(join(host.stateDir, 'node', readdirSync(join(host.stateDir, 'node')).sort()[0]!));
    const result = await onHost(host, 'join', '--token', token, '--state-dir', host.stateDir, '--no-start', manager);
    expect(result.output).toMatch(/already/);
    expect(result.status).toBe(1);
    expect(readFileSync(join(host.stateDir, 'node', readdirSync(join(host.stateDir, 'node')).sort()[0]!))).toEqual(before);
    expect(await test.get<unknown[]>('/nodes')).toHaveLength(2);
  });
});

describe('init', () => {
  it('is refused on a manager and on a worker', async () => {
    for (const host of test.cluster.hosts) {
      const result = await onHost(host, 'init', '--advertise-addr', host.address, '--state-dir', host.stateDir, '--no-start');
      expect(result.output).toMatch(/already/);
      expect(result.status).toBe(1);
    }
    expect((await test.cluster.shoal(['node', 'ls'])).status).toBe(0);
  });

  it('with an address that this host does not have is refused, and writes nothing', async () => {
    const dir = join(test.dir, 'init');
    for (const address of ['10.255.255.1', 'nonsense']) {
      const result = await onHost(test.cluster.host('node-2'), 'init', '--advertise-addr', address, '--state-dir', dir, '--no-start');
      expect(result.output).toContain(address);
      expect(result.status, result.output).not.toBe(0);
      expect(existsSync(dir) ? readdirSync(dir) : []).toEqual([]);
    }
  });
});

describe('a manager that is not running', () => {
  it('is named by every command, with exit status 69, at once', async () => {
    const { manager } = test.cluster;
    await manager.stop('manager');
    const file = test.file('any.yml', 'services: { a: { image: shoal/whoami:1 } }');
    for (const args of [['node', 'ls'], ['stack', 'ls'], ['stack', 'deploy', '-c', file, 'any'], ['service', 'logs', 'x'], ['info']]) {
      const startedMs = performance.now();
      const result = await test.cluster.shoal(args);
      expect(result.status, result.stderr).toBe(69);
      expect(result.stderr).toContain(manager.socketPath);
      expect(result.stderr).toMatch(/cannot reach the manager.*Is it running\?/s);
      expect(performance.now() - startedMs).toBeLessThan(3_000); // a second, and room for a busy machine
    }
    const docker = await test.cluster.docker(['node', 'ls']);
    expect(docker.status).toBe(1);
    expect(docker.stderr).toMatch(/Cannot connect to the Docker daemon/);
    manager.start('manager');
    await until('the manager answers', async () => (await test.cluster.shoal(['node', 'ls'])).status === 0);
  });
});
