import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decompressed } from '../src/decompress.js';
import { defaultUnpackLimits, unpackLayer } from '../src/unpack.js';
import type { UnpackLimits } from '../src/unpack.js';
import type { TestEntry } from './tar-of.js';
import { tarOf } from './tar-of.js';

let dir: string;
let root: string;
let outside: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'shoal-unpack-'));
  root = join(dir, 'root');
  outside = join(dir, 'outside');
  fs.mkdirSync(root);
  fs.mkdirSync(outside);
  fs.writeFileSync(join(outside, 'secret'), 'secret');
});
afterEach(() => fs.promises.rm(dir, { recursive: true, force: true }));

/** In uneven pieces, so that every header is cut somewhere. */
async function* pieces(bytes: Buffer, size = 333): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function unpack(entries: TestEntry[] | Buffer, options: { parentDirs?: string[]; limits?: Partial<UnpackLimits> } = {}) {
  const bytes = Buffer.isBuffer(entries) ? entries : tarOf(entries);
  const limits = { ...defaultUnpackLimits, ...options.limits };
  return unpackLayer(decompressed(pieces(bytes)), root, { parentDirs: options.parentDirs ?? [], limits, signal: AbortSignal.timeout(30_000) });
}

function xattr(path: string, name: string): string {
  const script = 'import os,sys\ntry: print(os.getxattr(sys.argv[1], sys.argv[2], follow_symlinks=False).hex())\nexcept OSError as e: print(e.errno)';
  return execFileSync('python3', ['-c', script, path, name], { encoding: 'utf8' }).trim();
}

const at = (name: string) => join(root, name);

describe('what a layer may contain', () => {
  it('keeps owner, mode, times, links, nodes and long names', async () => {
    const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(90)}`;
    await unpack([
      { name: './', flag: '5', mode: 0o751 },
      { name: './bin', flag: '5', mode: 0o755, mtime: 1_100_000_000 },
      { name: '/bin/su', content: 'su', mode: 0o4755, uid: 0, gid: 12 },
      { name: 'bin/hard', flag: '1', linkName: '/bin/su' },
      { name: 'bin/soft', flag: '2', linkName: '../../../../etc/passwd', uid: 5, gid: 6 },
      { name: 'bin/soft2', flag: '1', linkName: 'bin/soft' },
      { name: 'pipe', flag: '6', mode: 0o622 },
      { name: 'null', flag: '3', major: 1, minor: 3, mode: 0o666 },
      { name: 'disk', flag: '4', major: 259, minor: 300, mode: 0o660, gid: 6 },
      { name: 'x', pax: { path: long, mtime: '1234567890.25', uid: '3000000' }, content: 'long' },
    ]);
    const su = fs.lstatSync(at('bin/su'));
    expect([su.mode & 0o7777, su.uid, su.gid, su.nlink, su.mtimeMs]).toEqual([0o4755, 0, 12, 2, 1_000_000_000_000]);
    expect(fs.lstatSync(root).mode & 0o7777).toBe(0o751);
    expect(fs.lstatSync(at('bin')).mtimeMs).toBe(1_100_000_000_000);
    expect(fs.readlinkSync(at('bin/soft'))).toBe('../../../../etc/passwd');
    expect([fs.lstatSync(at('bin/soft')).uid, fs.lstatSync(at('bin/soft')).ino]).toEqual([5, fs.lstatSync(at('bin/soft2')).ino]);
    expect(fs.lstatSync(at('pipe')).isFIFO()).toBe(true);
    expect(fs.lstatSync(at('pipe')).mode & 0o777).toBe(0o622);
    expect([fs.lstatSync(at('null')).isCharacterDevice(), fs.lstatSync(at('null')).rdev]).toEqual([true, (1 << 8) | 3]);
    expect(execFileSync('stat', ['-c', '%F %t %T', at('disk')], { encoding: 'utf8' }).trim()).toBe('block special file 103 12c');
    const file = fs.lstatSync(at(long));
    expect([file.uid, file.mtimeMs]).toEqual([3_000_000, 1_234_567_890_250]);
  });

  it('keeps names and capabilities that are not UTF-8', async () => {
    const capability = Buffer.from('01000002c0000000000000000000000000000000', 'hex').toString('latin1');
    await unpack([
      { name: 'caf\u00e9', content: 'latin1' },
      { name: 'newuidmap', content: 'x', uid: 7, pax: { 'SCHILY.xattr.security.capability': capability, 'SCHILY.xattr.user.note': 'n' } },
    ]);
    expect(fs.readdirSync(root, { encoding: 'latin1' }).sort()).toEqual(['caf\u00e9', 'newuidmap']);
    expect(xattr(at('newuidmap'), 'security.capability')).toBe('01000002c0000000000000000000000000000000');
    expect(xattr(at('newuidmap'), 'user.note')).toBe('6e');
  });

  it('takes what GNU tar writes: long names, sparse files of all formats, gzip members', async () => {
    const source = join(dir, 'source');
    fs.mkdirSync(source);
    execFileSync('truncate', ['-s', '10M', join(source, 'holes')]);
    const file = fs.openSync(join(source, 'holes'), 'r+');
    fs.writeSync(file, 'early', 4096);
    fs.writeSync(file, 'late', 9_000_000);
    fs.closeSync(file);
    fs.writeFileSync(join(source, 'n'.repeat(200)), 'long name');
    for (const format of [['--format=gnu'], ['--format=posix', '--sparse-version=1.0'], ['--format=posix', '--sparse-version=0.1']]) {
      const bytes = execFileSync('tar', ['-C', source, '-S', ...format, '-c', '.'], { maxBuffer: 1e8 });
      expect(bytes.length).toBeLessThan(1_000_000);
      fs.rmSync(root, { recursive: true });
      fs.mkdirSync(root);
      await unpack(Buffer.concat([gzipSync(bytes.subarray(0, 1000)), gzipSync(bytes.subarray(1000))]));
      execFileSync('diff', ['-r', source, root]);
      expect(fs.statSync(at('holes')).blocks).toBeLessThan(200);
    }
  });

  it('turns whiteouts into what overlayfs understands, in whatever order they come', async () => {
    await unpack([
      { name: 'd/.wh.gone' },
      { name: 'o', flag: '5' },
      { name: 'o/new', content: 'n' },
      { name: 'o/.wh..wh..opq' },
      { name: '.wh.replaced' },
      { name: 'replaced', flag: '5' },
      { name: 'file', content: 'stays' },
      { name: '.wh.file' },
      { name: '.wh..wh.plnk', flag: '5' },
      { name: '.wh..wh.plnk/5.6', content: 'leftover' },
    ]);
    const gone = fs.lstatSync(at('d/gone'));
    expect([gone.isCharacterDevice(), gone.rdev]).toEqual([true, 0]);
    expect(xattr(at('o'), 'trusted.overlay.opaque')).toBe('79');
    expect(fs.readFileSync(at('o/new'), 'utf8')).toBe('n');
    expect(xattr(at('replaced'), 'trusted.overlay.opaque')).toBe('79');
    expect(fs.readFileSync(at('file'), 'utf8')).toBe('stays');
    expect(fs.readdirSync(root).sort()).toEqual(['d', 'file', 'o', 'replaced']);
  });

  it('lets overlayfs show the result: lower files hidden, opaque directories empty, owners of implied directories kept', async () => {
    const lower = join(dir, 'lower');
    fs.mkdirSync(join(lower, 'home/user'), { recursive: true });
    fs.mkdirSync(join(lower, 'etc'));
    fs.writeFileSync(join(lower, 'etc/old'), 'old');
    fs.writeFileSync(join(lower, 'etc/keep'), 'keep');
    fs.writeFileSync(join(lower, 'home/user/lower'), 'lower');
    fs.chownSync(join(lower, 'home/user'), 1000, 1000);
    fs.chmodSync(join(lower, 'home/user'), 0o700);
    fs.chmodSync(lower, 0o751);
    await unpack([{ name: 'etc/.wh.old' }, { name: 'home/user/upper', content: 'upper' }, { name: 'opq/.wh..wh..opq' }], { parentDirs: [lower] });
    const merged = join(dir, 'merged');
    fs.mkdirSync(merged);
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', `ro,lowerdir=${root}:${lower}`, merged]);
    try {
      expect(fs.readdirSync(join(merged, 'etc'))).toEqual(['keep']);
      expect(fs.readdirSync(join(merged, 'home/user')).sort()).toEqual(['lower', 'upper']);
      const home = fs.statSync(join(merged, 'home/user'));
      expect([home.uid, home.mode & 0o777]).toEqual([1000, 0o700]);
      expect(fs.statSync(merged).mode & 0o777).toBe(0o751);
    } finally {
      execFileSync('umount', [merged]);
    }
  });

  it('lets a later entry replace an earlier one of any kind', async () => {
    await unpack([
      { name: 'a', flag: '5' },
      { name: 'a/b', content: 'b' },
      { name: 'a', flag: '2', linkName: 'c' },
      { name: 'c', flag: '5' },
      { name: 'a/d', content: 'through the link, inside' },
      { name: 'f', content: 'one' },
      { name: 'f', content: 'two' },
      { name: 'g', flag: '5' },
      { name: 'g', content: 'file now' },
    ]);
    expect(fs.readdirSync(at('c'))).toEqual(['d']);
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('two');
    expect(fs.readFileSync(at('g'), 'utf8')).toBe('file now');
  });
});

describe('what a layer may not do', () => {
  const attacks: [string, TestEntry[]][] = [
    ['".." in a name', [{ name: '../outside/x', content: 'x' }]],
    ['".." inside a name', [{ name: 'a/../../outside/x', content: 'x' }]],
    ['a hard link with ".."', [{ name: 'x', flag: '1', linkName: '../outside/secret' }]],
    ['a hard link to nothing in the layer', [{ name: 'x', flag: '1', linkName: '/etc/passwd' }]],
    ['a hard link to a directory', [{ name: 'd', flag: '5' }, { name: 'x', flag: '1', linkName: 'd' }]],
    ['a file in place of the root', [{ name: './', content: 'x', flag: '0' }]],
    ['a symlink in place of the root', [{ name: '.', flag: '2', linkName: '../outside' }]],
    ['a file below a file', [{ name: 'a', content: 'x' }, { name: 'a/b', content: 'x' }]],
    ['a loop of symlinks', [{ name: 'a', flag: '2', linkName: 'b' }, { name: 'b', flag: '2', linkName: 'a' }, { name: 'a/c', content: 'x' }]],
    ['a whiteout of nothing', [{ name: 'd/.wh.' }]],
    ['a whiteout of ".."', [{ name: 'd/.wh...' }]],
    ['a whiteout as a directory', [{ name: 'd/.wh.x/y' }]],
    ['the device 0:0', [{ name: 'x', flag: '3' }]],
    ['a name that is too long', [{ name: 'x', pax: { path: 'n'.repeat(256) } }]],
    ['a path that is too long', [{ name: 'x', pax: { path: 'n/'.repeat(2500) + 'n' } }]],
    ['directories deeper than the kernel takes', [{ name: 'x', pax: { path: 'n/'.repeat(2040) + 'n' } }]],
    ['a NUL in a name', [{ name: 'x', pax: { path: 'a\0b' } }]],
    ['an unknown type', [{ name: 'x', flag: 'Z' }]],
    ['an owner that is none', [{ name: 'x', pax: { uid: '-1' } }]],
    ['the owner that means "leave"', [{ name: 'x', pax: { uid: '4294967295' } }]],
    ['a size that is none', [{ name: 'x', pax: { size: '-5' } }]],
    ['more than there is', [{ name: 'x', pax: { size: '99999999' } }]],
    ['a sparse map that goes back', [{ name: 'x', content: 'abcd', pax: { 'GNU.sparse.map': '10,2,0,2', 'GNU.sparse.size': '20' } }]],
  ];
  it.each(attacks)('%s', async (_title, entries) => {
    await expect(unpack(entries)).rejects.toMatchObject({ name: 'Refused', code: 'invalid' });
    expect(fs.readdirSync(dir).sort()).toEqual(['outside', 'root']);
    expect(fs.readdirSync(outside)).toEqual(['secret']);
  });

  it('writes through a symlink only inside the layer', async () => {
    await unpack([
      { name: 'abs', flag: '2', linkName: outside },
      { name: 'abs/x', content: 'x' },
      { name: 'up', flag: '2', linkName: '../../../../../..' + outside },
      { name: 'up/y', content: 'y' },
      { name: 'secret', flag: '2', linkName: join(outside, 'secret') },
      { name: 'secret', content: 'replaced' },
      { name: 'mode', flag: '2', linkName: join(outside, 'secret'), mode: 0o777, uid: 9 },
    ]);
    expect(fs.readdirSync(outside)).toEqual(['secret']);
    const secret = fs.statSync(join(outside, 'secret'));
    expect([fs.readFileSync(join(outside, 'secret'), 'utf8'), secret.uid, secret.mode & 0o777]).toEqual(['secret', 0, 0o644]);
    expect(fs.readdirSync(at(outside)).sort()).toEqual(['x', 'y']);
    expect(fs.lstatSync(at('secret')).isFile()).toBe(true);
  });

  it('does not set the marks of overlayfs, nor labels', async () => {
    const pax = {
      'SCHILY.xattr.trusted.overlay.opaque': 'y',
      'SCHILY.xattr.trusted.overlay.redirect': '/etc',
      'SCHILY.xattr.user.overlay.opaque': 'y',
      'SCHILY.xattr.security.selinux': 'x',
      'SCHILY.xattr.trusted.other': 'x',
    };
    await unpack([{ name: 'd', flag: '5', pax }]);
    for (const name of Object.keys(pax)) expect(xattr(at('d'), name.slice('SCHILY.xattr.'.length))).toBe('61');
  });

  it('exceed the limits', async () => {
    const limits = { layerBytes: 1_000_000, layerEntries: 100 };
    const many = Array.from({ length: 101 }, (_, i) => ({ name: `f${i}` }));
    await expect(unpack(many, { limits })).rejects.toThrow('more than 100 entries');
    const bomb = gzipSync(tarOf([{ name: 'zeros', content: Buffer.alloc(2_000_000) }]));
    await expect(unpack(bomb, { limits })).rejects.toThrow('more than 1000000 bytes');
    const holes = [{ name: 'x', pax: { 'GNU.sparse.map': '0,0', 'GNU.sparse.size': '9999999' } }];
    await expect(unpack(holes, { limits })).rejects.toThrow('more than 1000000 bytes');
  });

  it('end in the middle, or be garbage', async () => {
    const bytes = tarOf([{ name: 'x', content: 'x'.repeat(5000) }]);
    await expect(unpack(bytes.subarray(0, 3000))).rejects.toThrow('ends in the middle');
    await expect(unpack(gzipSync(bytes).subarray(0, 60))).rejects.toThrow('gzip stream of a layer is damaged');
    await expect(unpack(Buffer.concat([gzipSync(bytes).subarray(0, 30), Buffer.alloc(100, 7)]))).rejects.toMatchObject({ code: 'invalid' });
    await expect(unpack(Buffer.from('28b52ffd0458ffffffffffffffff', 'hex'))).rejects.toMatchObject({ code: 'invalid' });
  });
});
