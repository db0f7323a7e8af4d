import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, type Lifetime } from '../../base/src/index.js';
import { openEtcdStore, startEtcd, type EtcdEvent, type EtcdServer, type EtcdStore } from '../src/index.js';

export interface TestEtcd {
  server: EtcdServer;
  url: string;
  dataDir: string;
}

/** A real etcd in a directory of its own; both end with the lifetime. */
export async function testEtcd(lifetime: Lifetime, trace: (event: EtcdEvent) => void = () => undefined): Promise<TestEtcd> {
  const directory = lifetime.own(mkdtempSync(join(tmpdir(), 'shoal-etcd-')), (path) => rmSync(path, { recursive: true, force: true }));
  const dataDir = join(directory, 'data');
  const url = `http://127.0.0.1:${await freePort()}`;
  const server = lifetime.own(
    await startEtcd({
      name: 'm1', dataDir, clientUrls: [url], peerUrl: `http://127.0.0.1:${await freePort()}`,
      clock: systemClock, trace, signal: new AbortController().signal,
    }),
    (started) => started.stop(),
  );
  return { server, url, dataDir };
}

/** A store that ends with the lifetime. */
export async function testStore(
  lifetime: Lifetime,
  url: string,
  options: { prefix?: string; trace?: (event: EtcdEvent) => void; maxOperations?: number } = {},
): Promise<EtcdStore> {
  const { prefix, maxOperations, trace = () => undefined } = options;
  return lifetime.own(
    await openEtcdStore({
      endpoints: [url], clock: systemClock, signal: new AbortController().signal, trace,
      ...(prefix !== undefined && { prefix }),
      ...(maxOperations !== undefined && { maxOperations }),
    }),
    (store) => store.close(),
  );
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Resolves once the condition holds, looking every 10 ms; fails after the deadline. */
export async function eventually<T>(condition: () => T | undefined | false, what: string, timeoutMs = 15_000): Promise<T> {
  const deadlineMs = systemClock.monotonicMs() + timeoutMs;
  for (;;) {
    const value = condition();
    if (value !== undefined && value !== false) return value;
    if (systemClock.monotonicMs() > deadlineMs) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await systemClock.sleep(10);
  }
}
