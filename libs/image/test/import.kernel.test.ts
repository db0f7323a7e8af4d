import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openImages } from '../src/index.js';
import { tarOf } from './tar-of.js';

const signal = AbortSignal.timeout(60_000);
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'shoal-import-'));
  execFileSync(process.execPath, ['deploy/images/build.mjs', join(dir, 'samples')]);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function sample(name: string): string {
  return join(dir, 'samples', name);
}

function skopeoCopy(source: string, target: string): string {
  execFileSync('skopeo', ['copy', '-q', '--insecure-policy', source, target]);
  return target.replace(/^[a-z-]+:/, '').replace(/:shoal\/.*$/, '');
}

describe('importing archives', () => {
  it('takes an OCI archive and shares layers between images', async () => {
    const stateDir = join(dir, 'shared');
    const images = await openImages({ stateDir });
    expect(await images.importArchive(sample('whoami-1.tar'), { signal })).toEqual(['shoal/whoami:1']);
    expect(await images.importArchive(sample('whoami-2.tar'), { signal })).toEqual(['shoal/whoami:2']);
    expect(await images.importArchive(sample('busybox-1.tar'), { signal })).toEqual(['shoal/busybox:1']);

    const one = (await images.find('shoal/whoami:1'))!;
    const two = (await images.find('docker.io/shoal/whoami:2'))!;
    expect(one.layerDirs).toEqual(two.layerDirs);
    expect(one.id).not.toEqual(two.id);
    expect(one.config).toMatchObject({ cmd: ['/whoami'], exposedPorts: ['80/tcp'], os: 'linux' });
    expect(lstatSync(join(one.layerDirs[1]!, 'whoami')).mode & 0o777).toBe(0o755);
    expect(lstatSync(join(one.layerDirs[0]!, 'bin/sh')).ino).toBe(lstatSync(join(one.layerDirs[0]!, 'bin/busybox')).ino);
    expect(lstatSync(join(one.layerDirs[0]!, 'tmp')).mode & 0o7777).toBe(0o1777);

    const again = await openImages({ stateDir });
    expect((await again.list()).map((known) => known.reference).sort()).toEqual(['shoal/busybox:1', 'shoal/whoami:1', 'shoal/whoami:2']);
    expect(await again.ensure('shoal/whoami:1', { signal })).toEqual(one);
    expect((await again.find(`shoal/whoami@${one.manifestDigest}`))?.id).toBe(one.id);
  });

  it('gives the same layers for an OCI folder, a docker-save tar and a compressed one', async () => {
    const images = await openImages({ stateDir: join(dir, 'forms') });
    const saved = skopeoCopy(`oci-archive:${sample('whoami-1.tar')}`, `docker-archive:${join(dir, 'saved.tar')}:shoal/saved:1`);
    const folder = skopeoCopy(`oci-archive:${sample('whoami-1.tar')}`, `oci:${join(dir, 'folder')}:shoal/folder:1`);
    execFileSync('gzip', ['-k', saved]);

    expect(await images.importArchive(saved, { signal })).toEqual(['docker.io/shoal/saved:1'.slice('docker.io/'.length)]);
    expect(await images.importArchive(folder, { signal })).toEqual(['shoal/folder:1']);
    expect(await images.importArchive(`${saved}.gz`, { reference: 'registry.test:5000/a/b:2', signal })).toEqual(['registry.test:5000/a/b:2']);
    const dirs = await Promise.all(['shoal/saved:1', 'shoal/folder:1', 'registry.test:5000/a/b:2'].map(async (name) => (await images.find(name))!.layerDirs));
    expect(dirs[1]).toEqual(dirs[0]);
    expect(dirs[2]).toEqual(dirs[0]);
    expect(readdirSync(join(dir, 'forms/tmp'))).toEqual([]);
  });

  it('imports the same archive twice at once', async () => {
    const stateDir = join(dir, 'twice');
    const images = await openImages({ stateDir });
    await Promise.all([images.importArchive(sample('whoami-1.tar'), { signal }), images.importArchive(sample('whoami-1.tar'), { signal })]);
    expect((await images.list()).length).toBe(1);
    expect(readdirSync(join(stateDir, 'tmp'))).toEqual([]);
  });

  it('refuses what is no image, in one sentence', async () => {
    const images = await openImages({ stateDir: join(dir, 'garbage') });
    const noImage = join(dir, 'no-image.tar');
    writeFileSync(noImage, tarOf([{ name: 'a', content: 'b' }]));
    const text = join(dir, 'text');
    writeFileSync(text, 'x'.repeat(2000));
    await expect(images.importArchive(noImage, { signal })).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining('no index.json and no manifest.json') });
    await expect(images.importArchive(text, { signal })).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining('not a tar archive') });
    await expect(images.importArchive(join(dir, 'absent'), { signal })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('refuses an archive whose layer was changed, and keeps nothing of it', async () => {
    const stateDir = join(dir, 'changed');
    const images = await openImages({ stateDir });
    const bytes = readFileSync(sample('busybox-1.tar'));
    const at = bytes.indexOf('root:x:0:0:root');
    bytes.write('toor', at);
    const path = join(dir, 'changed.tar');
    writeFileSync(path, bytes);
    await expect(images.importArchive(path, { signal })).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining('wrong content') });
    expect(await images.list()).toEqual([]);
    expect(readdirSync(join(stateDir, 'layers')).filter((name) => !name.endsWith('.json'))).toEqual([]);
    expect(readdirSync(join(stateDir, 'tmp'))).toEqual([]);
    expect(existsSync(join(stateDir, 'references.json'))).toBe(false);
  });
});
