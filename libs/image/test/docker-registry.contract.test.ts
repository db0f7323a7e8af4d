import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PullProgress } from '../src/index.js';
import { openImages } from '../src/index.js';
import type { DockerRegistry } from './docker-registry.js';
import { startDockerRegistry } from './docker-registry.js';
import { blobOf, imageOf, indexOf } from './test-image.js';

const signal = AbortSignal.timeout(120_000);
const login = { username: 'someone', password: 'pass:word' };
let open: DockerRegistry;
let closed: DockerRegistry;
let dir: string;

beforeAll(async () => {
  [open, closed] = await Promise.all([startDockerRegistry(), startDockerRegistry(login)]);
});
afterAll(() => Promise.all([open.stop(), closed.stop()]));
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'shoal-pull-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const amd64 = { os: 'linux', architecture: 'amd64' };

describe('pulling from docker-registry', () => {
  it('takes several layers, reports progress, and pulls nothing twice', async () => {
    const base = [{ name: 'base', content: 'b'.repeat(100_000) }];
    await open.push('team/app', '1', imageOf([base, [{ name: 'app', content: 'one' }]], { config: { Env: ['A=1'], Healthcheck: { Test: ['CMD', 'x'], Interval: 5e9 } } }));
    await open.push('team/app', '2', imageOf([base, [{ name: 'app', content: 'two' }]]));
    const images = await openImages({ stateDir: dir, platform: amd64 });
    const progress: PullProgress[] = [];
    const one = await images.ensure(`${open.host}/team/app:1`, { signal, onProgress: (each) => progress.push(each) });
    const two = await images.ensure(`${open.host}/team/app:2`, { signal });
    expect(one.config).toMatchObject({ env: ['A=1'], healthcheck: { test: ['CMD', 'x'], intervalNs: 5e9 } });
    expect(two.layerDirs[0]).toBe(one.layerDirs[0]);
    expect(readFileSync(join(two.layerDirs[1]!, 'app'), 'utf8')).toBe('two');
    expect(progress.at(-1)).toMatchObject({ layersDone: 2, layersTotal: 2, bytesDone: progress[0]!.bytesTotal });
    expect(readdirSync(join(dir, 'tmp'))).toEqual([]);
    expect((await images.list()).map(({ reference, sizeBytes }) => [reference, sizeBytes])).toEqual([
      [`${open.host}/team/app:1`, 100_003],
      [`${open.host}/team/app:2`, 100_003],
    ]);
  });

  it('chooses the platform of an index, also by digest', async () => {
    const build = (architecture: string) => imageOf([[{ name: 'arch', content: architecture }]], { architecture });
    const [amd, arm] = [build('amd64'), build('arm64')];
    const index = indexOf([
      { image: arm, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
      { image: amd, platform: amd64 },
      { image: amd, platform: { os: 'unknown', architecture: 'unknown' } },
    ]);
    await open.push('multi', 'amd', amd);
    await open.push('multi', 'arm', arm);
    await open.pushManifest('multi', '1', index);
    const architectureOf = async (platform: { os: string; architecture: string; variant?: string }, reference: string) => {
      const images = await openImages({ stateDir: join(dir, platform.architecture), platform });
      const image = await images.ensure(reference, { signal });
      expect(await images.find(reference)).toEqual(image);
      return [image.config.architecture, readFileSync(join(image.layerDirs[0]!, 'arch'), 'utf8'), image.manifestDigest];
    };
    const byDigest = `${open.host}/multi@${index.digest}`;
    expect(await architectureOf(amd64, `${open.host}/multi:1`)).toEqual(['amd64', 'amd64', amd.manifest.digest]);
    expect(await architectureOf({ os: 'linux', architecture: 'arm64', variant: 'v8' }, byDigest)).toEqual(['arm64', 'arm64', arm.manifest.digest]);
    await expect(architectureOf({ os: 'linux', architecture: 'riscv64' }, byDigest)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('no build for linux/riscv64; there is linux/arm64/v8, linux/amd64'),
    });
  });

  it('takes zstd and plain layers', async () => {
    const zstd = (tar: Buffer) => blobOf(execFileSync('zstd', ['-q', '-c'], { input: tar }), 'application/vnd.oci.image.layer.v1.tar+zstd');
    const frames = (tar: Buffer) => {
      const skippable = Buffer.from('502a4d1804000000deadbeef', 'hex');
      return blobOf(Buffer.concat([zstd(tar.subarray(0, 700)).bytes, skippable, zstd(tar.subarray(700)).bytes]), 'application/vnd.oci.image.layer.v1.tar+zstd');
    };
    const plain = (tar: Buffer) => blobOf(tar, 'application/vnd.oci.image.layer.v1.tar');
    const content = Array.from({ length: 300_000 }, (_, i) => String.fromCharCode(97 + ((i * i) % 23))).join('');
    const images = await openImages({ stateDir: dir });
    for (const [name, compress] of Object.entries({ zstd, frames, plain })) {
      await open.push(`layers/${name}`, '1', imageOf([[{ name, content }]], { compress }));
      const image = await images.ensure(`${open.host}/layers/${name}:1`, { signal });
      expect(readFileSync(join(image.layerDirs[0]!, name), 'utf8')).toBe(content);
    }
  });

  it('follows a tag that has moved only when asked to', async () => {
    const reference = `${open.host}/moving:latest`;
    const [old, young] = [imageOf([[{ name: 'v', content: 'old' }]]), imageOf([[{ name: 'v', content: 'new' }]])];
    const images = await openImages({ stateDir: dir });
    await open.push('moving', 'latest', old);
    await images.ensure(reference, { signal });
    await open.push('moving', 'latest', young);
    expect((await images.ensure(reference, { signal })).manifestDigest).toBe(old.manifest.digest);
    expect((await images.ensure(reference, { signal, always: true })).manifestDigest).toBe(young.manifest.digest);
    expect((await images.find(reference))?.manifestDigest).toBe(young.manifest.digest);
  });

  it('logs in with a password', async () => {
    await closed.push('private', '1', imageOf([[{ name: 'x' }], [{ name: 'y' }]]));
    const images = await openImages({ stateDir: dir });
    const reference = `${closed.host}/private:1`;
    await expect(images.ensure(reference, { signal })).rejects.toMatchObject({
      code: 'forbidden',
      message: `image ${reference} cannot be pulled from registry ${closed.host}: the registry wants a login; log in to the registry and pass the login on (docker login, then deploy with --with-registry-auth)`,
    });
    await expect(images.ensure(reference, { signal, credentials: { ...login, password: 'wrong' } })).rejects.toMatchObject({ code: 'forbidden' });
    expect((await images.ensure(reference, { signal, credentials: login })).layerDirs.length).toBe(2);
  });

  it('says what is missing', async () => {
    const images = await openImages({ stateDir: dir });
    await expect(images.ensure(`${open.host}/team/absent:1`, { signal })).rejects.toMatchObject({ code: 'not-found', message: expect.stringMatching(/team\/absent:1 .* 404 \(.*unknown.*check its name and tag/) });
  });
});
