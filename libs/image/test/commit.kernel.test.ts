import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openImages, type CommitRequest } from '../src/index.js';
import { FakeRegistry } from './fake-registry.js';
import { tarOf } from './tar-of.js';
import { blobOf, imageOf } from './test-image.js';

const signal = AbortSignal.timeout(60_000);
const createdAtMs = Date.parse('2026-01-02T03:04:05Z');
let registry: FakeRegistry;
let dir: string;

beforeEach(async () => {
  registry = await FakeRegistry.start();
  registry.add('1', imageOf([[{ name: 'etc/', flag: '5' }, { name: 'etc/old', content: 'old' }]], { config: { Cmd: ['/bin/true'], Env: ['A=1'] } }));
  dir = fs.mkdtempSync(join(tmpdir(), 'shoal-commit-'));
});
afterEach(async () => {
  await registry.stop();
  fs.rmSync(dir, { recursive: true, force: true });
});

async function commit(layer: Buffer, rest: Partial<CommitRequest> = {}) {
  const images = await openImages({ stateDir: dir });
  const base = await images.ensure(`${registry.host}/app:1`, { signal });
  const image = await images.commit({ base, layer: (async function* () { yield layer; })(), createdAtMs, signal, ...rest });
  return { images, base, image };
}

function blob(digest: string): Buffer {
  return fs.readFileSync(join(dir, 'blobs/sha256', digest.slice('sha256:'.length)));
}

test('a layer on top of the base, with a config and a history of its own, found by its name', async () => {
  const layer = tarOf([{ name: 'etc/', flag: '5' }, { name: 'etc/.wh.old' }, { name: 'etc/new', content: 'new', uid: 7 }]);
  const { images, base, image } = await commit(layer, { reference: 'mine:2', author: 'me', message: 'why', config: { Env: ['A=1', 'B=2'] }, changes: ['CMD ["/bin/new"]'], createdBy: 'sh -c edit' });
  expect(await images.find('mine:2')).toEqual(image);
  expect(image.layerDirs.slice(0, -1)).toEqual(base.layerDirs);
  expect(image.config).toMatchObject({ cmd: ['/bin/new'], env: ['A=1', 'B=2'], architecture: 'amd64' });
  const top = image.layerDirs.at(-1)!;
  expect(fs.readFileSync(join(top, 'etc/new'), 'utf8')).toBe('new');
  expect(fs.statSync(join(top, 'etc/new')).uid).toBe(7);
  expect(fs.statSync(join(top, 'etc/old')).isCharacterDevice()).toBe(true);
  const config = JSON.parse(blob(image.id).toString()) as Record<string, unknown>;
  expect(config).toMatchObject({ author: 'me', created: '2026-01-02T03:04:05.000Z', history: [{ created_by: 'sh -c edit', comment: 'why', author: 'me' }], rootfs: { diff_ids: [expect.anything(), blobOf(layer, '').digest] } });
});

test('what it is made of can be handed on: manifest, config and the new layer are blobs that fit together', async () => {
  const layer = tarOf([{ name: 'new', content: 'x'.repeat(100_000) }]);
  const { image } = await commit(layer, { reference: 'mine:2' });
  const manifest = JSON.parse(blob(image.manifestDigest).toString()) as { config: { digest: string; size: number }; layers: { digest: string; size: number }[] };
  expect(manifest.layers).toHaveLength(2);
  const added = blob(manifest.layers[1]!.digest);
  expect([added.length, blobOf(added, '').digest, gunzipSync(added).equals(layer)]).toEqual([manifest.layers[1]!.size, manifest.layers[1]!.digest, true]);
  expect(blob(manifest.config.digest).length).toBe(manifest.config.size);
  expect(fs.readdirSync(join(dir, 'tmp'))).toEqual([]);
});

test('nothing written: the same layers, a new config', async () => {
  const { base, image } = await commit(execFileSync('tar', ['-c', '-b', '2', '-T', '/dev/null']), { changes: ['USER app'] });
  expect(image.layerDirs).toEqual(base.layerDirs);
  expect(image.id).not.toBe(base.id);
  expect(image.config.user).toBe('app');
});

test('refusals leave nothing behind', async () => {
  const before = () => fs.readdirSync(join(dir, 'blobs/sha256')).length;
  const { images, base } = await commit(tarOf([{ name: 'x', content: 'y' }]));
  const count = before();
  const request = { base, createdAtMs, signal };
  const hostile = async function* () { yield tarOf([{ name: '../x', content: 'y' }]); };
  await expect(images.commit({ ...request, layer: hostile() })).rejects.toMatchObject({ name: 'Refused', code: 'invalid' });
  await expect(images.commit({ ...request, layer: (async function* () { throw new Error('the container is gone'); })() })).rejects.toThrow('the container is gone');
  await expect(images.commit({ ...request, layer: hostile(), base: { manifestDigest: `sha256:${'0'.repeat(64)}` } })).rejects.toMatchObject({ code: 'not-found' });
  await expect(images.commit({ ...request, layer: (async function* () { yield tarOf([]); })(), changes: ['RUN x'] })).rejects.toMatchObject({ code: 'invalid' });
  expect(before()).toBe(count);
  expect(fs.readdirSync(join(dir, 'tmp'))).toEqual([]);
});
