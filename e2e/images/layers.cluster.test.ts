import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { useCluster } from '../harness/fixture.js';
import { must, run } from '../harness/run.js';

type Entry = { name: string; type: 'file' | 'directory'; mode: number; content?: Buffer };
const builder = (file: string) => import(pathToFileURL(resolve(import.meta.dirname, '../../deploy/images', file)).href);
const { ociArchive } = (await builder('oci-archive.mjs')) as { ociArchive(image: { name: string; layers: Buffer[]; config: object; architecture: string }): Buffer };
const { tar } = (await builder('tar.mjs')) as { tar(entries: Entry[]): Buffer };

const file = (name: string, text: string | Buffer, mode = 0o644): Entry => ({ name, type: 'file', mode, content: Buffer.from(text) });
const dir = mkdtempSync(join(tmpdir(), 'shoal-layers-'));
const archive = join(dir, 'layered.tar');
afterAll(() => rmSync(dir, { recursive: true }));

writeFileSync(
  archive,
  ociArchive({
    name: 'test/layered:1',
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    config: { Cmd: ['/bin/busybox', 'sleep', '1000'] },
    layers: [
      tar([
        { name: 'bin/', type: 'directory', mode: 0o755 },
        file('bin/busybox', readFileSync('/usr/bin/busybox'), 0o755),
        { name: 'data/', type: 'directory', mode: 0o755 },
        file('data/which', 'base'),
        file('data/gone', 'base'),
        file('data/kept', 'base'),
      ]),
      tar([file('data/which', 'middle'), file('data/.wh.gone', '')]),
      tar([file('data/which', 'top'), file('etc/hosts', "the image's own\n")]),
    ],
  }),
);

const test = useCluster({ nodes: 1, imageArchives: [archive] });

describe('an image of several layers', () => {
  it('shows of each file the topmost, and none that a later layer removed', async () => {
    await test.deploy('layers', 'services: { box: { image: "test/layered:1", stop_grace_period: 1s } }');
    const [task] = await test.untilRunning('layers_box', 1);
    const inside = (...argv: string[]) => test.inside(task!, ['/bin/busybox', ...argv]);
    expect(await must(inside('cat', '/data/which'))).toBe('top');
    expect(await must(inside('cat', '/data/kept'))).toBe('base');
    expect((await run(inside('cat', '/data/gone'))).status).not.toBe(0);
    expect(await must(inside('cat', '/etc/hosts'))).toContain('127.0.0.1\tlocalhost');
    await test.remove('layers');
  });
});
