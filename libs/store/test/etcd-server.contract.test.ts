import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isTemporary, Lifetime, systemClock } from '../../base/src/index.js';
import { openEtcdStore, startEtcd, type EtcdEvent, type EtcdServerOptions, type EtcdTls } from '../src/index.js';
import { requireVersion } from '../src/etcd/server-preflight.js';
import { eventually, freePort } from './etcd-fixture.js';
import { create, network } from './fixtures.js';

let lifetime: Lifetime;
let directory: string;
let traced: EtcdEvent[];
let options: EtcdServerOptions;

beforeEach(async () => {
  lifetime = new Lifetime();
  traced = [];
  directory = lifetime.own(mkdtempSync(join(tmpdir(), 'shoal-etcd-')), (path) => rmSync(path, { recursive: true, force: true }));
  options = {
    name: 'm1',
    dataDir: join(directory, 'data'),
    clientUrls: [`http://127.0.0.1:${await freePort()}`],
    peerUrl: `http://127.0.0.1:${await freePort()}`,
    clock: systemClock,
    trace: (event) => traced.push(event),
    signal: lifetime.signal,
  };
});
afterEach(() => lifetime.end());

const start = async () => lifetime.own(await startEtcd(options), (server) => server.stop());

describe('startEtcd', () => {
  it('keeps the data over a stop and a start', async () => {
    const server = await start();
    expect(server.version).toMatch(/^\d+\.\d+\.\d+$/);
    const first = await openEtcdStore({ endpoints: options.clientUrls, clock: systemClock, trace: () => undefined, signal: lifetime.signal });
    await first.commit([create('network', network('n1'))]);
    await first.close();
    await server.stop();
    expect(server.pid).toBeUndefined();
    await start();
    const second = await openEtcdStore({ endpoints: options.clientUrls, clock: systemClock, trace: () => undefined, signal: lifetime.signal });
    expect(second.view().get('network', 'n1')?.id).toBe('n1');
    await second.close();
  });

  it('starts it again when it dies', async () => {
    const server = await start();
    const first = server.pid!;
    process.kill(first, 'SIGKILL');
    const second = await eventually(() => server.pid !== first && server.pid, 'another etcd');
    expect(traced).toContainEqual(expect.objectContaining({ event: 'etcd-exited', pid: first, status: 'SIGKILL', restartMs: 1000 }));
    await server.stop();
    expect(() => process.kill(second, 0)).toThrow('ESRCH');
  });

  it('adopts the etcd that a crashed manager left', async () => {
    const left = await start();
    const adopted = await start();
    expect(adopted.pid).toBe(left.pid);
    expect(traced).toContainEqual({ event: 'etcd-started', pid: left.pid, adopted: true });
    await Promise.all([left.stop(), adopted.stop()]);
  });

  it('refuses a data directory that another etcd serves elsewhere', async () => {
    const other = await start();
    options = { ...options, clientUrls: [`http://127.0.0.1:${await freePort()}`], readyTimeoutMs: 1000 };
    await expect(startEtcd(options)).rejects.toThrow(`etcd (pid ${other.pid}) holds ${options.dataDir}`);
    expect(() => process.kill(other.pid!, 0)).not.toThrow();
  });

  it('refuses data without a write-ahead log: etcd would start and then hang', async () => {
    mkdirSync(join(options.dataDir, 'member', 'snap'), { recursive: true });
    writeFileSync(join(options.dataDir, 'member', 'snap', 'db'), '');
    await expect(startEtcd(options)).rejects.toMatchObject({ name: 'Refused', message: expect.stringContaining('write-ahead log (member/wal) is missing') });
  });

  it('says what to install', async () => {
    await expect(startEtcd({ ...options, binary: 'no-such-etcd' })).rejects.toMatchObject({
      name: 'Refused',
      code: 'precondition',
      message: expect.stringContaining('apt-get install etcd-server'),
    });
  });

  it('says why etcd ended', async () => {
    await start();
    const taken = { ...options, dataDir: join(directory, 'other') };
    await expect(startEtcd(taken)).rejects.toMatchObject({ name: 'Refused', message: expect.stringContaining('address already in use') });
  });

  it('refuses versions that lose data', () => {
    for (const version of ['3.4.20', '3.3.27', '3.5.0', '3.5.2']) expect(() => requireVersion(version)).toThrow(version);
    for (const version of ['3.4.23', '3.5.3', '3.6.0']) requireVersion(version);
  });

  it('serves only clients that its authority knows', async () => {
    const tls = certificates(directory);
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    lifetime.own(onWarning, () => process.off('warning', onWarning));
    options = { ...options, clientUrls: [options.clientUrls[0]!.replace('http', 'https')], peerUrl: options.peerUrl.replace('http', 'https'), tls };
    await start();
    const store = await openEtcdStore({ endpoints: options.clientUrls, tls, clock: systemClock, trace: () => undefined, signal: lifetime.signal });
    await store.commit([create('network', network('n1'))]);
    await store.close();
    expect(warnings).toEqual([]);
    const stranger = certificates(join(directory, 'stranger'));
    const refused = openEtcdStore({ endpoints: options.clientUrls, tls: { ...stranger, ca: tls.ca }, clock: systemClock, trace: () => undefined, signal: lifetime.signal });
    expect(isTemporary(await refused.catch((error: unknown) => error))).toBe(true);
  });
});

/** An authority and one certificate for localhost, for server and client alike. */
function certificates(folder: string): EtcdTls {
  mkdirSync(folder, { recursive: true });
  const file = (name: string) => join(folder, name);
  const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...newKey, '-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=ca', '-days', '1');
  openssl('req', ...newKey, '-keyout', file('key.pem'), '-out', file('request.pem'), '-subj', '/CN=m1');
  writeFileSync(file('extensions'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n');
  openssl('x509', '-req', '-in', file('request.pem'), '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '1', '-extfile', file('extensions'), '-out', file('certificate.pem'));
  return { ca: file('ca.pem'), certificate: file('certificate.pem'), key: file('key.pem'), serverName: 'localhost' };
}
