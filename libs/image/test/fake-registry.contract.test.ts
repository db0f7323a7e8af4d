import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImageEvent, OpenImagesOptions } from '../src/index.js';
import { sendHttp } from '../src/http.js';
import { openImages } from '../src/index.js';
import { endpointsOf } from '../src/registry-endpoints.js';
import type { Handler } from './fake-registry.js';
import { FakeRegistry } from './fake-registry.js';
import { blobOf, descriptorOf, imageOf, jsonBlob, manifestOf } from './test-image.js';

const signal = AbortSignal.timeout(60_000);
const noise = randomBytes(300_000);
const image = imageOf([[{ name: 'noise', content: noise }], [{ name: 'app', content: 'app' }]]);
const big = image.layers[0]!;
let registry: FakeRegistry;
let dir: string;
let events: ImageEvent[];

beforeEach(async () => {
  registry = await FakeRegistry.start();
  registry.add('1', image);
  dir = mkdtempSync(join(tmpdir(), 'shoal-pull-'));
  events = [];
});
afterEach(async () => {
  await registry.stop();
  await rm(dir, { recursive: true, force: true });
});

function open(options: Partial<OpenImagesOptions> = {}) {
  return openImages({ stateDir: dir, retry: { attempts: 3, firstMs: 1, maxMs: 10 }, trace: (event) => events.push(event), ...options });
}

const reference = () => `${registry.host}/app:1`;

/** Answers the first `count` requests whose URL fits. */
function times(count: number, fits: RegExp, handler: (request: IncomingMessage, response: ServerResponse) => void): Handler {
  let left = count;
  return (request, response) => {
    if (!fits.test(request.url ?? '') || left === 0) return false;
    left--;
    handler(request, response);
    return true;
  };
}

const status = (code: number, headers: Record<string, string> = {}) => (_request: IncomingMessage, response: ServerResponse) => void response.writeHead(code, headers).end();

function gate(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((each) => (resolve = each));
  return { promise, resolve };
}

async function expectNothingKept() {
  expect(readdirSync(join(dir, 'tmp'))).toEqual([]);
  expect(readdirSync(join(dir, 'layers')).filter((name) => !name.endsWith('.json'))).toEqual([]);
}

describe('a registry that fails for a while', () => {
  it.each([
    ['500 on the manifest', times(2, /manifests/, status(500))],
    ['429 with Retry-After on a layer', times(2, /blobs/, status(429, { 'retry-after': '0' }))],
    ['a broken connection', times(2, /./, (request) => request.socket.destroy())],
  ])('%s', async (_title, script) => {
    registry.script = script;
    const found = await (await open()).ensure(reference(), { signal });
    expect(found.layerDirs.length).toBe(2);
    expect(events.map(({ event }) => event)).toContain('image-pull-retried');
  });

  it('goes on where a layer broke off', async () => {
    registry.script = times(1, new RegExp(big.digest), (_request, response) => {
      response.writeHead(200, { 'content-length': big.size });
      response.write(big.bytes.subarray(0, 100_000), () => setImmediate(() => response.destroy()));
    });
    const found = await (await open()).ensure(reference(), { signal });
    expect(readFileSync(join(found.layerDirs[0]!, 'noise')).equals(noise)).toBe(true);
    const ranges = registry.requests.filter(({ url }) => url.endsWith(big.digest)).map(({ range }) => range);
    expect(ranges[0]).toBeUndefined();
    expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
  });

  it('starts over where the registry cannot resume', async () => {
    let served = 0;
    registry.script = (request, response) => {
      if (!request.url!.endsWith(big.digest)) return false;
      response.writeHead(200, { 'content-length': big.size });
      if (served++ > 0) response.end(big.bytes);
      else response.write(big.bytes.subarray(0, 100_000), () => setImmediate(() => response.destroy()));
      return true;
    };
    const found = await (await open()).ensure(reference(), { signal });
    expect(readFileSync(join(found.layerDirs[0]!, 'noise')).equals(noise)).toBe(true);
  });
});

describe('a registry that fails for good', () => {
  const cases: [string, Handler, object][] = [
    ['500', times(99, /./, status(500)), { name: 'Temporary', message: expect.stringMatching(/answers 500.*try again$/) }],
    ['429', times(99, /./, status(429)), { name: 'Temporary', message: expect.stringContaining('answers 429') }],
    ['403', times(99, /./, status(403)), { code: 'forbidden', message: expect.stringContaining('answers 403') }],
    ['401 without a challenge', times(99, /./, status(401)), { code: 'forbidden' }],
    ['404 on a layer', times(99, /blobs/, status(404)), { code: 'not-found' }],
    ['a short layer', times(99, /blobs\/sha256:/, (_request, response) => void response.writeHead(200).end('short')), { name: expect.stringMatching(/Refused|Temporary/) }],
    ['garbage for a manifest', times(99, /manifests/, (_request, response) => void response.end('<html>')), { code: 'invalid', message: expect.stringContaining('not JSON') }],
    ['an endless manifest', times(99, /manifests/, (_request, response) => void response.end(Buffer.alloc(5_000_000, 32))), { code: 'invalid', message: expect.stringContaining('larger than the limit') }],
    ['silence', times(99, /./, () => undefined), { name: 'Temporary', message: expect.stringContaining('was silent for 0.2 s') }],
    ['silence inside a layer', times(99, /blobs/, (_request, response) => void response.writeHead(200).write('x')), { name: 'Temporary', message: expect.stringContaining('silent') }],
    ['redirects in a circle', times(99, /./, (request, response) => void response.writeHead(307, { location: request.url! }).end()), { code: 'invalid', message: expect.stringContaining('redirects more than') }],
    ['a redirect to a file', times(99, /./, status(307, { location: 'file:///etc/passwd' })), { code: 'invalid' }],
  ];
  it.each(cases)('%s', async (_title, script, expected) => {
    registry.script = script;
    const failure = await (await open({ idleMs: 200 })).ensure(reference(), { signal }).catch((error: Error) => error);
    expect(failure).toMatchObject(expected);
    expect((failure as Error).message).toMatch(new RegExp(`^image ${reference()} cannot be pulled from registry ${registry.host}: .+; .+`));
    await expectNothingKept();
  });

  it('a layer of other bytes', async () => {
    const changed = Buffer.from(big.bytes);
    changed[1000]! ^= 1;
    registry.replaceBlob(big.digest, changed);
    await expect((await open()).ensure(reference(), { signal })).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining('wrong content') });
    expect(registry.blobRequests(big.digest)).toBe(1);
    await expectNothingKept();
  });

  it('a layer that is longer than announced', async () => {
    registry.replaceBlob(big.digest, Buffer.concat([big.bytes, Buffer.from('more')]));
    await expect((await open()).ensure(reference(), { signal })).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining('longer than') });
  });

  it('a config with the diff ids of other layers', async () => {
    const other = imageOf([[{ name: 'other' }], [{ name: 'layers' }]]);
    registry.add('1', { manifest: manifestOf(other.config, image.layers), config: other.config, layers: image.layers });
    await expect((await open()).ensure(reference(), { signal })).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining('wrong content') });
    await expectNothingKept();
  });

  it.each<[string, unknown, string]>([
    ['fewer layers than the config', { schemaVersion: 2, config: descriptorOf(image.config), layers: [] }, 'lists 0 layers but the config 2'],
    ['a chart instead of an image', { schemaVersion: 2, config: { ...descriptorOf(image.config), mediaType: 'application/vnd.cncf.helm.config.v1+json' }, layers: [] }, 'not a container image'],
    ['schema 1', { schemaVersion: 1 }, 'schema 1'],
    ['a digest that is a path', { schemaVersion: 2, config: { ...descriptorOf(image.config), digest: 'sha256:../../etc/passwd' }, layers: [] }, 'no sha256 digest'],
    ['layers of an unknown type', { schemaVersion: 2, config: descriptorOf(image.config), layers: [{ ...descriptorOf(big), mediaType: 'text/html' }] }, 'unknown type'],
    ['no list of layers', { schemaVersion: 2, config: descriptorOf(image.config) }, 'no list "layers"'],
  ])('a manifest with %s', async (_title, manifest, words) => {
    registry.addManifest('bad', jsonBlob(manifest, 'application/vnd.oci.image.manifest.v1+json'));
    await expect((await open()).ensure(`${registry.host}/app:bad`, { signal })).rejects.toThrow(words);
  });

  it('another manifest than the digest asked for', async () => {
    registry.script = (_request, response) => (response.end(image.manifest.bytes), true);
    await expect((await open()).ensure(`${registry.host}/app@sha256:${'0'.repeat(64)}`, { signal })).rejects.toMatchObject({ code: 'invalid' });
  });

  it('nobody listens', async () => {
    const host = registry.host;
    await registry.stop();
    await expect((await open()).ensure(`${host}/app:1`, { signal })).rejects.toMatchObject({ name: 'Temporary', message: expect.stringContaining('ECONNREFUSED') });
    registry = await FakeRegistry.start();
  });
});

describe('tokens and redirects', () => {
  const credentials = { username: 'someone', password: 'secret' };

  it('answers a Bearer challenge once, and keeps the credentials from other hosts', async () => {
    const storage = await FakeRegistry.start();
    storage.add('1', image);
    let tokens = 0;
    registry.script = (request, response) => {
      const url = new URL(request.url!, `http://${registry.host}`);
      if (url.pathname === '/token') {
        tokens++;
        expect(Object.fromEntries(url.searchParams)).toEqual({ service: 'test', scope: 'repository:app:pull', account: 'someone' });
        expect(request.headers.authorization).toBe(`Basic ${Buffer.from('someone:secret').toString('base64')}`);
        response.end(JSON.stringify({ token: 'the-token', expires_in: 300 }));
      } else if (request.headers.authorization !== 'Bearer the-token') {
        response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token",service="test",scope="repository:app:pull"` }).end();
      } else if (url.pathname.includes('/blobs/')) {
        response.writeHead(307, { location: `http://${storage.host}${url.pathname}` }).end();
      } else return false;
      return true;
    };
    const found = await (await open()).ensure(reference(), { signal, credentials });
    expect(found.layerDirs.length).toBe(2);
    expect(tokens).toBe(1);
    expect(storage.requests.map(({ authorization }) => authorization)).toEqual([undefined, undefined, undefined]);
    await storage.stop();
  });

  it('passes an identity token on as a refresh token', async () => {
    let form = '';
    registry.script = async (request, response) => {
      if (request.url === '/token') {
        for await (const chunk of request) form += String(chunk);
        response.end(JSON.stringify({ access_token: 'the-token' }));
      } else if (request.headers.authorization !== 'Bearer the-token') {
        response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token",service="test"` }).end();
      } else return false;
      return true;
    };
    await (await open()).ensure(reference(), { signal, credentials: { identityToken: 'refresh' } });
    expect(Object.fromEntries(new URLSearchParams(form))).toEqual({ grant_type: 'refresh_token', service: 'test', scope: 'repository:app:pull', client_id: 'shoal', refresh_token: 'refresh' });
  });

  it('asks mirrors first, without credentials, and the registry when they fail', async () => {
    const broken = await FakeRegistry.start();
    const mirror = await FakeRegistry.start();
    mirror.add('1', image);
    const images = await open({ mirrors: { 'docker.io': [`http://${broken.host}`, mirror.host] } });
    await images.ensure('app:1', { signal, credentials });
    expect(broken.requests.map(({ url, authorization }) => [url, authorization])).toEqual([['/v2/library/app/manifests/1', undefined]]);
    expect(events.filter(({ event }) => event === 'image-mirror-failed').length).toBe(1);
    expect(registry.requests).toEqual([]);
    await Promise.all([broken.stop(), mirror.stop()]);
  });
});

describe('certificates', () => {
  let secure: FakeRegistry;
  let certificate: string;

  beforeEach(async () => {
    const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=registry', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    execFileSync('openssl', [...request, '-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')], { stdio: 'ignore' });
    certificate = readFileSync(join(dir, 'cert.pem'), 'utf8');
    secure = await FakeRegistry.start({ key: readFileSync(join(dir, 'key.pem'), 'utf8'), cert: certificate });
    secure.add('1', image);
  });
  afterEach(() => secure.stop());

  it('may be anything for an insecure registry', async () => {
    expect((await (await open()).ensure(`${secure.host}/app:1`, { signal })).layerDirs.length).toBe(2);
  });

  it('must be trusted otherwise: by the usual authorities, or by those in the registry\'s folder', async () => {
    const client = (certificates: string[]) =>
      sendHttp({ url: new URL(`https://${secure.host}/v2/app/manifests/1`), headers: {}, insecure: false, certificates, idleMs: 5000, signal });
    await expect(client([])).rejects.toThrow('DEPTH_ZERO_SELF_SIGNED_CERT');
    const answer = await client([certificate]);
    answer.body.destroy();
    expect(answer.status).toBe(200);

    mkdirSync(join(dir, 'certs', secure.host), { recursive: true });
    writeFileSync(join(dir, 'certs', secure.host, 'ca.crt'), certificate);
    const [endpoint] = await endpointsOf(secure.host, { insecureRegistries: [], mirrors: {}, certificatesDir: join(dir, 'certs') });
    expect(endpoint!.certificates).toEqual([certificate]);
  });
});

describe('several at once', () => {
  it('pulls an image once for everybody who wants it', async () => {
    const images = await open();
    const found = await Promise.all(Array.from({ length: 5 }, () => images.ensure(reference(), { signal })));
    expect(new Set(found.map(({ id }) => id)).size).toBe(1);
    expect(registry.blobRequests(big.digest)).toBe(1);
  });

  it('pulls a shared layer once for two images', async () => {
    const sibling = imageOf([[{ name: 'noise', content: noise }], [{ name: 'sibling', content: 's' }]]);
    registry.add('2', sibling);
    const images = await open();
    await Promise.all([images.ensure(reference(), { signal }), images.ensure(`${registry.host}/app:2`, { signal })]);
    expect(registry.blobRequests(big.digest)).toBe(1);
  });

  it('goes on for one caller when another gives up, and stops when all have', async () => {
    const blobAsked = gate();
    const release = gate();
    let isClosed = false;
    registry.script = async (request, response) => {
      if (!request.url!.endsWith(big.digest)) return false;
      response.on('close', () => (isClosed = true));
      blobAsked.resolve();
      await release.promise;
      return isClosed;
    };
    const images = await open();
    const [first, second] = [new AbortController(), new AbortController()];
    const pulls = [images.ensure(reference(), { signal: first.signal }), images.ensure(reference(), { signal: second.signal })];
    await blobAsked.promise;
    first.abort(new Error('enough'));
    await expect(pulls[0]).rejects.toThrow('enough');
    release.resolve();
    expect((await pulls[1]!).layerDirs.length).toBe(2);

    await rm(dir, { recursive: true, force: true });
    const third = new AbortController();
    const asked = gate();
    const closed = gate();
    registry.script = (request, response) => {
      if (!request.url!.includes('/blobs/')) return false;
      response.on('close', () => closed.resolve());
      asked.resolve();
      return true;
    };
    const alone = (await open()).ensure(reference(), { signal: third.signal });
    await asked.promise;
    third.abort(new Error('enough'));
    await expect(alone).rejects.toThrow('enough');
    await closed.promise;
  });
});

it('knows the smallest of images', async () => {
  const empty = imageOf([]);
  registry.add('empty', empty);
  registry.addManifest('typeless', blobOf(empty.manifest.bytes, 'application/json'));
  const images = await open();
  expect((await images.ensure(`${registry.host}/app:empty`, { signal })).layerDirs).toEqual([]);
  expect((await images.ensure(`${registry.host}/app:typeless`, { signal })).id).toBe(empty.config.digest);
});
