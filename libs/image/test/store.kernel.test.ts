import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openImages } from '../src/index.js';
import { FakeRegistry } from './fake-registry.js';
import { imageOf } from './test-image.js';

const signal = AbortSignal.timeout(60_000);
const noise = randomBytes(3_000_000);
const image = imageOf([[{ name: 'noise', content: noise }], [{ name: 'app', content: 'app' }]]);
let registry: FakeRegistry;
let dir: string;

beforeEach(async () => {
  registry = await FakeRegistry.start();
  registry.add('1', image);
  dir = fs.mkdtempSync(join(tmpdir(), 'shoal-store-'));
});
afterEach(async () => {
  await registry.stop();
  await fs.promises.rm(dir, { recursive: true, force: true });
});

const reference = () => `${registry.host}/app:1`;
const layerNames = (stateDir: string) => fs.readdirSync(join(stateDir, 'layers')).filter((name) => !name.endsWith('.json'));
const notes = (stateDir: string) => fs.readdirSync(join(stateDir, 'layers')).filter((name) => name.endsWith('.json')).map((name) => join(stateDir, 'layers', name));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5, undefined, { signal });
}

describe('a full disk', () => {
  it.each([
    ['while a layer is downloaded', '1m'],
    ['while a layer is unpacked', '5m'],
  ])('%s gives one clear error, leaves nothing, and works again with room', async (_title, size) => {
    const stateDir = join(dir, 'small');
    fs.mkdirSync(stateDir);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', stateDir]);
    try {
      const images = await openImages({ stateDir });
      await expect(images.ensure(reference(), { signal })).rejects.toMatchObject({
        name: 'Temporary',
        message: expect.stringMatching(/^image .+: there is no space left on the disk that holds .+; free some there/),
      });
      expect(registry.blobRequests(image.layers[0]!.digest)).toBe(1);
      expect(fs.readdirSync(join(stateDir, 'tmp'))).toEqual([]);
      execFileSync('mount', ['-o', 'remount,size=100m', stateDir]);
      expect((await images.ensure(reference(), { signal })).layerDirs.length).toBe(2);
    } finally {
      await until(() => notes(stateDir).every((path) => !fs.readFileSync(path, 'utf8').includes('unsyncedBoot')));
      execFileSync('umount', [stateDir]);
    }
  });
});

describe('crashes', () => {
  it('sweeps away what a killed process left, but not what a living one does', async () => {
    const child = spawn('sleep', ['60']);
    const gone = spawn('true');
    await new Promise((resolve) => gone.once('exit', resolve));
    await openImages({ stateDir: dir });
    for (const pid of [child.pid!, gone.pid!, process.pid]) fs.mkdirSync(join(dir, 'tmp', `${pid}-abc/deep`), { recursive: true });
    await openImages({ stateDir: dir });
    expect(fs.readdirSync(join(dir, 'tmp'))).toEqual([`${child.pid}-abc`]);
    child.kill();
  });

  it('syncs new layers, and drops those that an earlier boot left unsynced', async () => {
    const images = await openImages({ stateDir: dir });
    await images.ensure(reference(), { signal });
    await until(() => notes(dir).length === 2 && notes(dir).every((path) => !fs.readFileSync(path, 'utf8').includes('unsyncedBoot')));
    const first = notes(dir)[0]!;
    fs.writeFileSync(first, JSON.stringify({ ...JSON.parse(fs.readFileSync(first, 'utf8')), unsyncedBoot: 'another' }));

    const afterReboot = await openImages({ stateDir: dir });
    expect(layerNames(dir).length).toBe(1);
    expect(await afterReboot.find(reference())).toBeUndefined();
    expect((await afterReboot.ensure(reference(), { signal })).layerDirs.length).toBe(2);
    expect(layerNames(dir).length).toBe(2);
    await until(() => notes(dir).every((path) => !fs.readFileSync(path, 'utf8').includes('unsyncedBoot')));
  });

  it('uses nothing that a process killed in the middle had begun', async () => {
    const program = join(dir, 'pull.cjs');
    const source = `import { openImages } from ${JSON.stringify(resolve('libs/image/src/index.js'))};
      const [stateDir, reference] = process.argv.slice(2);
      openImages({ stateDir }).then((images) => images.ensure(reference, { signal: new AbortController().signal }));`;
    await build({ stdin: { contents: source, resolveDir: process.cwd(), loader: 'ts' }, bundle: true, platform: 'node', format: 'cjs', external: ['koffi'], outfile: program, logLevel: 'error' });
    const stateDir = join(dir, 'state');
    for (const entries of [0, 1, 2, 3]) {
      const child = spawn(process.execPath, [program, stateDir, reference()], { env: { ...process.env, NODE_PATH: resolve('node_modules'), NODE_EXTRA_CA_CERTS: undefined }, stdio: 'ignore' });
      const exited = new Promise((done) => child.once('exit', done));
      const written = () => (fs.existsSync(stateDir) ? fs.readdirSync(stateDir, { recursive: true }).length : 0);
      await until(() => written() > 4 + entries || child.exitCode !== null);
      child.kill('SIGKILL');
      await exited;
      const images = await openImages({ stateDir });
      expect(fs.readdirSync(join(stateDir, 'tmp'))).toEqual([]);
      for (const name of layerNames(stateDir)) expect(fs.readdirSync(join(stateDir, 'layers', name)).length).toBe(1);
      if (entries === 3) {
        const found = await images.ensure(reference(), { signal });
        expect(fs.readFileSync(join(found.layerDirs[0]!, 'noise')).equals(noise)).toBe(true);
      }
    }
  });

  it('fetches an image again of which a blob was damaged', async () => {
    const images = await openImages({ stateDir: dir });
    const before = await images.ensure(reference(), { signal });
    fs.writeFileSync(join(dir, 'blobs/sha256', before.id.slice(7)), 'damaged');
    expect(await images.find(reference())).toBeUndefined();
    expect(await images.ensure(reference(), { signal })).toEqual(before);
    expect(await images.find(reference())).toEqual(before);
  });
});

it('lets the event loop turn while it unpacks many small files', async () => {
  registry.add('many', imageOf([Array.from({ length: 1000 }, (_, i) => ({ name: `f${i}`, content: 'x' }))]));
  const images = await openImages({ stateDir: dir });
  let turns = 0;
  let isDone = false;
  const count = () => void (isDone || (turns++, setImmediate(count)));
  count();
  const startedMs = performance.now();
  await images.ensure(`${registry.host}/app:many`, { signal });
  isDone = true;
  expect(turns).toBeGreaterThan((performance.now() - startedMs) / 200);
});
