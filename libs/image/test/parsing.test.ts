import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseChallenge } from '../src/authorization.js';
import { StreamReader } from '../../base/src/tar/byte-reader.js';
import { decompressed } from '../src/decompress.js';
import { chainIds } from '../src/digest.js';
import { parseImageConfig } from '../src/image-config.js';
import type { Index } from '../src/manifest.js';
import { parseManifest } from '../src/manifest.js';
import { choosePlatform } from '../src/platform.js';
import { endpointsOf, isInsecure } from '../src/registry-endpoints.js';
import { tarEntries } from '../../base/src/tar/tar-reader.js';
import { tarOf } from './tar-of.js';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

it('reads challenges', () => {
  expect(parseChallenge('Bearer realm="https://auth.test/token",service="reg",scope="repository:a/b:pull,push"')).toEqual({
    scheme: 'bearer',
    parameters: { realm: 'https://auth.test/token', service: 'reg', scope: 'repository:a/b:pull,push' },
  });
  expect(parseChallenge('basic Realm="a \\"quoted\\" one", charset=UTF-8')).toEqual({ scheme: 'basic', parameters: { realm: 'a "quoted" one', charset: 'UTF-8' } });
  expect(parseChallenge('')).toEqual({ scheme: '', parameters: {} });
});

it('chains layer ids as the image spec says', () => {
  expect(chainIds([])).toEqual([]);
  expect(chainIds([digest('a')])).toEqual([digest('a')]);
  expect(chainIds([digest('a'), digest('b')])[1]).toBe('sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c');
});

describe('platforms', () => {
  const index = (...platforms: ({ os: string; architecture: string; variant?: string } | undefined)[]): Index => ({
    kind: 'index',
    manifests: platforms.map((platform, i) => ({ mediaType: '', digest: digest(String(i)), size: 1, ...(platform ? { platform } : {}) })),
  });
  const arm = (variant?: string) => ({ os: 'linux', architecture: 'arm', ...(variant ? { variant } : {}) });

  it('takes the best variant that runs', () => {
    expect(choosePlatform(index(arm('v5'), arm('v7'), arm('v6')), arm('v7')).digest).toBe(digest('1'));
    expect(choosePlatform(index(arm('v5'), arm('v7'), arm('v6')), arm('v6')).digest).toBe(digest('2'));
    expect(choosePlatform(index({ os: 'linux', architecture: 'amd64', variant: 'v3' }, { os: 'linux', architecture: 'amd64' }), { os: 'linux', architecture: 'amd64' }).digest).toBe(digest('1'));
    expect(choosePlatform(index({ os: 'linux', architecture: 'arm64' }), { os: 'linux', architecture: 'arm64', variant: 'v8' }).digest).toBe(digest('0'));
  });

  it('takes the only entry when it names no platform, and says what there is otherwise', () => {
    expect(choosePlatform(index(undefined), arm('v7')).digest).toBe(digest('0'));
    expect(() => choosePlatform(index({ os: 'windows', architecture: 'amd64' }), { os: 'linux', architecture: 'amd64' })).toThrow('it has no build for linux/amd64; there is windows/amd64');
  });
});

describe('image configs', () => {
  it('treats absent and empty alike', () => {
    const nothing = { entrypoint: [], cmd: [], env: [], workingDir: '', user: '', exposedPorts: [], volumes: [], labels: {}, architecture: '', os: 'linux' };
    expect(parseImageConfig(Buffer.from('{}'))).toEqual({ diffIds: [], config: nothing });
    const nulls = { config: { Entrypoint: null, Cmd: null, Env: null, Volumes: null, Labels: null, Healthcheck: null, StopSignal: '' }, rootfs: { diff_ids: [] } };
    expect(parseImageConfig(Buffer.from(JSON.stringify(nulls))).config).toEqual(nothing);
  });

  it('keeps what Docker added', () => {
    const config = { Healthcheck: { Test: ['CMD-SHELL', 'true'], Interval: 1, StartInterval: 2, Retries: 3, Timeout: 0 }, Shell: ['/bin/bash', '-c'], StopSignal: 'SIGINT', ExposedPorts: { '80/tcp': {} }, Volumes: { '/data': {} } };
    expect(parseImageConfig(Buffer.from(JSON.stringify({ config }))).config).toMatchObject({
      healthcheck: { test: ['CMD-SHELL', 'true'], intervalNs: 1, startIntervalNs: 2, retries: 3 },
      shell: ['/bin/bash', '-c'],
      stopSignal: 'SIGINT',
      exposedPorts: ['80/tcp'],
      volumes: ['/data'],
    });
  });
});

describe('registry addresses', () => {
  it('knows which may be without encryption', () => {
    for (const host of ['localhost', 'localhost:5000', '127.0.0.1:5000', '127.9.9.9', '[::1]:5000']) expect(isInsecure(host, [])).toBe(true);
    expect(isInsecure('10.0.0.5:5000', [])).toBe(false);
    expect(isInsecure('10.0.0.5:5000', ['10.0.0.0/8'])).toBe(true);
    expect(isInsecure('registry.test:5000', ['registry.test:5000'])).toBe(true);
    expect(isInsecure('registry.test:5000', ['other.test'])).toBe(false);
  });

  it('asks mirrors before the registry', async () => {
    const endpoints = await endpointsOf('docker.io', { insecureRegistries: [], certificatesDir: '/nonexistent', mirrors: { 'docker.io': ['http://mirror.test:5000', 'https://second.test'] } });
    expect(endpoints.map(({ host, schemes, isMirror }) => [host, schemes.join(), isMirror])).toEqual([
      ['mirror.test:5000', 'http', true],
      ['second.test', 'https', true],
      ['registry-1.docker.io', 'https', false],
    ]);
  });
});

describe('bytes from outside', () => {
  async function* once(bytes: Uint8Array): AsyncGenerator<Buffer> {
    yield Buffer.from(bytes);
  }
  const readAll = async (bytes: Uint8Array) => {
    for await (const entry of tarEntries(new StreamReader(decompressed(once(bytes))))) for await (const _ of entry.body);
  };
  const onlyRefuses = async (job: () => unknown) => {
    try {
      await job();
    } catch (error) {
      expect(error).toMatchObject({ name: 'Refused' });
    }
  };

  it('never break a tar reader otherwise than by refusing', async () => {
    const good = tarOf([{ name: 'a', content: 'x'.repeat(600), pax: { 'SCHILY.xattr.user.a': 'b', mtime: '1.5' } }, { name: 'b', flag: '5' }, { name: 'c', flag: 'S' }]);
    const damaged = fc.tuple(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length)).map(([at, value, length]) => {
      const bytes = Buffer.from(good);
      bytes[at] = value;
      return bytes.subarray(0, length);
    });
    await fc.assert(fc.asyncProperty(fc.oneof(damaged, fc.uint8Array({ maxLength: 2000 })), (bytes) => onlyRefuses(() => readAll(bytes))));
  });

  it('never break a decompressor otherwise than by refusing', async () => {
    const magic = fc.constantFrom([0x1f, 0x8b, 8, 0], [0x28, 0xb5, 0x2f, 0xfd], [0x50, 0x2a, 0x4d, 0x18]);
    const bytes = fc.tuple(magic, fc.uint8Array({ maxLength: 300 })).map(([start, rest]) => Buffer.concat([Buffer.from(start), rest]));
    await fc.assert(fc.asyncProperty(bytes, (each) => onlyRefuses(() => readAll(each))));
  });

  it('never break the JSON readers otherwise than by refusing', async () => {
    const value = fc.anything({ withNullPrototype: false }).map((each) => Buffer.from(JSON.stringify({ schemaVersion: 2, config: each, layers: [each], manifests: each, rootfs: each }) ?? ''));
    await fc.assert(
      fc.asyncProperty(value, async (bytes) => {
        await onlyRefuses(() => parseManifest(bytes));
        await onlyRefuses(() => parseImageConfig(bytes));
      }),
    );
  });
});
