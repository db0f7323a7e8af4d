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

export interface Login {
  username: string;
  password: string;
}

/** bcrypt, the one form that the registry takes. `crypt` is out of Python's docs, not of Debian's Python. */
const htpasswdScript = 'import crypt,sys; print(sys.argv[1]+":"+crypt.crypt(sys.argv[2],crypt.mksalt(crypt.METHOD_BLOWFISH,rounds=16)).replace("$2b$","$2y$"))';

/** Debian's docker-registry, over plain http. With logins, it answers nobody else; the first of them pushes. */
export async function startDockerRegistry(address: string, logins: Login[] = []): Promise<DockerRegistry> {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-e2e-registry-'));
  const config = join(dir, 'config.yml');
  const lines = await Promise.all(logins.map(({ username, password }) => must(['python3', '-W', 'ignore', '-c', htpasswdScript, username, password])));
  writeFileSync(join(dir, 'htpasswd'), lines.join(''));
  const auth = logins.length > 0 ? `auth: {htpasswd: {realm: test, path: ${dir}/htpasswd}}\n` : '';
  writeFileSync(config, `version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: ${dir}/data}}\nhttp: {addr: "${address}"}\n${auth}`);
  const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore', env: plainEnv() });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  await until('the registry answers', async () => (await httpGet(`http://${address}/v2/`)).status === (auth ? 401 : 200));
  const creds = logins.slice(0, 1).flatMap(({ username, password }) => ['--dest-creds', `${username}:${password}`]);
  return {
    push: async (archive, name) => {
      await must(['skopeo', 'copy', '--insecure-policy', '--dest-tls-verify=false', ...creds, archive, `docker://${address}/${name}`], { deadlineMs: 60_000 });
    },
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
