import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Blob, TestImage } from './test-image.js';

/** Debian's docker-registry on a free loopback port. */
export interface DockerRegistry {
  host: string;
  push(repository: string, tag: string, image: TestImage): Promise<void>;
  pushManifest(repository: string, reference: string, manifest: Blob): Promise<void>;
  stop(): Promise<void>;
}

export async function startDockerRegistry(login?: { username: string; password: string }): Promise<DockerRegistry> {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  writeFileSync(join(dir, 'config.yml'), configuration(dir, host, login));
  const child = spawn('docker-registry', ['serve', join(dir, 'config.yml')], { stdio: 'ignore' });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const headers: Record<string, string> = login ? { authorization: `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}` } : {};
  await untilAnswers(`http://${host}/v2/`);

  const upload = async (repository: string, blob: Blob) => {
    const started = await fetch(`http://${host}/v2/${repository}/blobs/uploads/`, { method: 'POST', headers });
    const location = new URL(started.headers.get('location')!, `http://${host}`);
    location.searchParams.set('digest', blob.digest);
    await expectCreated(fetch(location, { method: 'PUT', headers: { ...headers, 'content-type': 'application/octet-stream' }, body: new Uint8Array(blob.bytes) }));
  };
  const pushManifest = (repository: string, reference: string, manifest: Blob) =>
    expectCreated(fetch(`http://${host}/v2/${repository}/manifests/${reference}`, { method: 'PUT', headers: { ...headers, 'content-type': manifest.mediaType }, body: new Uint8Array(manifest.bytes) }));
  return {
    host,
    pushManifest,
    async push(repository, tag, image) {
      for (const blob of [image.config, ...image.layers]) await upload(repository, blob);
      await pushManifest(repository, tag, image.manifest);
    },
    async stop() {
      child.kill('SIGKILL');
      await exited;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function configuration(dir: string, host: string, login: { username: string; password: string } | undefined): string {
  const lines = ['version: 0.1', 'log: {level: error, accesslog: {disabled: true}}', `storage: {filesystem: {rootdirectory: ${dir}/data}}`, `http: {addr: "${host}"}`];
  if (login) {
    const script = 'import crypt,sys; print(sys.argv[1]+":"+crypt.crypt(sys.argv[2],crypt.mksalt(crypt.METHOD_BLOWFISH,rounds=16)).replace("$2b$","$2y$"))';
    writeFileSync(join(dir, 'htpasswd'), execFileSync('python3', ['-W', 'ignore', '-c', script, login.username, login.password]));
    lines.push(`auth: {htpasswd: {realm: test, path: ${dir}/htpasswd}}`);
  }
  return `${lines.join('\n')}\n`;
}

async function expectCreated(answer: Promise<Response>): Promise<void> {
  const response = await answer;
  if (response.status !== 201) throw new Error(`${response.url} answers ${response.status}: ${await response.text()}`);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function untilAnswers(url: string): Promise<void> {
  const deadline = AbortSignal.timeout(20_000);
  for (;;) {
    const answered = await fetch(url, { signal: deadline }).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await delay(20, undefined, { signal: deadline });
  }
}
