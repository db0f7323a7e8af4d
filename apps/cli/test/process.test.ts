import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { frame, stubManager, type StubManager } from './stub-manager.js';

/** The program as a process of its own, bundled as it is shipped. */
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let directory = '';
let program = '';
let manager: StubManager | undefined;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'shoal-bundle-'));
  program = join(directory, 'main.cjs');
  await build({
    entryPoints: [fileURLToPath(new URL('../src/main.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: ['koffi'],
    define: { 'import.meta.url': '""' },
    logLevel: 'error',
  });
});
afterAll(() => rmSync(directory, { recursive: true }));
afterEach(async () => {
  await manager?.close();
  manager = undefined;
});

interface Ended {
  status: number | null;
  out: string;
  err: string;
}

function start(args: string[], onOutput: (text: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined): Promise<Ended> {
  const env = { PATH: process.env['PATH'], HOME: directory };
  const child = spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended: Ended = { status: null, out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    ended.out += chunk.toString();
    onOutput(ended.out, (signal) => child.kill(signal));
  });
  child.stderr.on('data', (chunk: Buffer) => (ended.err += chunk.toString()));
  return new Promise((resolve) => child.on('close', (status) => resolve({ ...ended, status })));
}

test('a manager that is not running: 69, at once', async () => {
  const ended = await start(['-H', 'unix:///nonexistent/shoal.sock', 'service', 'ls']);
  expect(ended.status).toBe(69);
  expect(ended.err).toContain('cannot reach the manager');
});

test('Ctrl-C ends a request that hangs, with 130', async () => {
  let interrupt: (() => void) | undefined;
  manager = await stubManager(() => {
    interrupt?.();
    return { never: true };
  });
  const env = { PATH: process.env['PATH'] };
  const child = spawn(process.execPath, [program, 'node', 'ls', '-H', manager.host], { env, stdio: 'ignore' });
  interrupt = () => void child.kill('SIGINT');
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(130);
});

test('Ctrl-C ends the following of logs, with 130', async () => {
  const service = { ID: 's1', Spec: { Name: 'web', TaskTemplate: {} } };
  const raw = frame({ stream: 1, text: 'hello\n' });
  manager = await stubManager(({ path }) => (path.endsWith('/logs') ? { raw, never: true } : { json: service }));
  const ended = await start(['-H', manager.host, 'service', 'logs', '-f', '--raw', 'web'], (_, kill) => kill('SIGINT'));
  expect(ended).toMatchObject({ status: 130, out: 'hello\n' });
});

test('a reader that goes away is no failure', async () => {
  const many = Array.from({ length: 3_000 }, (_, i) => ({ ID: `s${i}`, Spec: { Name: `web-${i}`, TaskTemplate: {} } }));
  manager = await stubManager(() => ({ json: many }));
  const pipeline = `${process.execPath} ${program} -H ${manager.host} service ls | head -1; echo \${PIPESTATUS[0]}`;
  const child = spawn('bash', ['-c', pipeline], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  await new Promise((resolve) => child.on('close', resolve));
  expect(out).toMatch(/^ID +NAME.*\n0\n$/);
});
