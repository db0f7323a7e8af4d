import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { httpGet } from './api.js';
import { must, plainEnv } from './run.js';
import { until } from './wait.js';

export interface DockerRegistry {
  /** Copies an image archive into the registry. */
  push(archive: string, name: string): Promise<void>;
  stop(): Promise<void>;
}

/** Debian's docker-registry, over plain http. */
export async function startDockerRegistry(address: string): Promise<DockerRegistry> {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-e2e-registry-'));
  const config = join(dir, 'config.yml');
  writeFileSync(config, `version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: ${dir}/data}}\nhttp: {addr: "${address}"}\n`);
  const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore', env: plainEnv() });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  await until('the registry answers', async () => (await httpGet(`http://${address}/v2/`)).status === 200);
  return {
    push: async (archive, name) => {
      await must(['skopeo', 'copy', '--insecure-policy', '--dest-tls-verify=false', archive, `docker://${address}/${name}`], { deadlineMs: 60_000 });
    },
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
