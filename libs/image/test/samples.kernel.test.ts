import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { openImages } from '../src/index.js';

const signal = AbortSignal.timeout(60_000);
const archives = ['whoami-1.tar', 'whoami-2.tar', 'busybox-1.tar'];
let dir: string;
let binary: string;
let whoami: ChildProcess | undefined;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'shoal-samples-'));
  build('a');
  const images = await openImages({ stateDir: join(dir, 'state') });
  await images.importArchive(join(dir, 'a', 'whoami-2.tar'), { signal });
  binary = join((await images.find('shoal/whoami:2'))!.layerDirs[1]!, 'whoami');
});
afterEach(async () => {
  if (whoami && whoami.exitCode === null && whoami.signalCode === null) {
    const ended = exitOf(whoami);
    whoami.kill('SIGKILL');
    await ended; // and its port is free
  }
});
afterAll(() => rm(dir, { recursive: true, force: true }));

function build(name: string): void {
  execFileSync(process.execPath, ['deploy/images/build.mjs', join(dir, name)]);
}

/** Starts the program and waits until it listens. */
async function start(): Promise<string> {
  const port = String(20_000 + (process.pid % 10_000));
  whoami = spawn(binary, { env: { PORT: port, SHOAL_TASK_NAME: 'web.1.x"y', SHOAL_NODE_NAME: 'node-a', WHOAMI_VERSION: '2' }, stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: whoami.stdout! })) {
    expect(line).toContain(`listens on port ${port}`);
    break;
  }
  return `http://127.0.0.1:${port}`;
}

function exitOf(child: ChildProcess): Promise<[number | null, string | null]> {
  return new Promise((resolve) => child.once('exit', (code, name) => resolve([code, name])));
}

it('builds the same bytes again, and nothing when nothing changed', () => {
  build('b');
  for (const name of archives) expect(readFileSync(join(dir, 'a', name)).equals(readFileSync(join(dir, 'b', name)))).toBe(true);
  const before = statSync(join(dir, 'a', 'whoami-1.tar')).ino;
  build('a');
  expect(statSync(join(dir, 'a', 'whoami-1.tar')).ino).toBe(before);
});

it('builds images that other tools accept', () => {
  for (const name of archives) {
    const config = JSON.parse(execFileSync('skopeo', ['inspect', '--config', `oci-archive:${join(dir, 'a', name)}`], { encoding: 'utf8' })) as { os: string };
    expect(config.os).toBe('linux');
  }
});

it('whoami says who it is', async () => {
  const url = await start();
  const answer = (await (await fetch(`${url}/json`)).json()) as Record<string, string>;
  expect(answer).toMatchObject({ task: 'web.1.x"y', node: 'node-a', version: '2', request: 'GET /json HTTP/1.1' });
  expect(answer['remoteAddr']).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(await (await fetch(url)).text()).toMatch(/^Task: web\.1\.x"y\nHostname: .+\nNode: node-a\nVersion: 2\nRemoteAddr: 127\.0\.0\.1:\d+\nRequest: GET \/ HTTP\/1\.1\n$/);
  expect((await fetch(`${url}/health`)).status).toBe(200);
  expect((await fetch(`${url}/absent`)).status).toBe(404);
  expect(await (await fetch(url, { method: 'POST', body: 'x'.repeat(100_000) })).text()).toContain('POST / HTTP/1.1');
});

it('whoami answers many requests on few connections, also while children burn', async () => {
  const url = await start();
  const agent = new Agent({ keepAlive: true, maxSockets: 20 });
  const request = (path: string) =>
    new Promise<number>((resolve, reject) => get(url + path, { agent }, (answer) => answer.resume().on('end', () => resolve(answer.statusCode!))).on('error', reject));
  expect(await request('/burn?seconds=1')).toBe(200);
  const statuses = await Promise.all(Array.from({ length: 1000 }, () => request('/')));
  expect(new Set(statuses)).toEqual(new Set([200]));
  agent.destroy();
  expect((await fetch(`${url}/alloc?mb=3`)).status).toBe(200);
});

it('whoami outlives garbage and answers pipelined requests', async () => {
  const url = new URL(await start());
  const send = (bytes: string) =>
    new Promise<string>((resolve) => {
      let text = '';
      const socket = createConnection(Number(url.port), url.hostname, () => socket.end(bytes));
      socket.on('data', (chunk) => (text += String(chunk))).on('error', () => undefined).on('close', () => resolve(text));
    });
  await send('\0\xff\r\n\r\n');
  await send('GET '.repeat(10_000));
  expect((await send('GET /health HTTP/1.1\r\n\r\n'.repeat(3))).match(/200 OK/g)?.length).toBe(3);
});

it('whoami ends as it is told', async () => {
  const first = await start();
  const ended = exitOf(whoami!);
  await expect(fetch(`${first}/exit?code=7`)).rejects.toThrow();
  expect(await ended).toEqual([7, null]);
  await start();
  const terminated = exitOf(whoami!);
  whoami!.kill('SIGTERM');
  expect(await terminated).toEqual([0, null]);
});
