import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLogins, type Service } from '../../../libs/model/src/index.js';
import { startHttpHarness, withoutDetachNotice, type HttpHarness } from './http-harness.js';

/** `--with-registry-auth` of the unmodified docker CLI: what it sends must be what we keep. */

const registry = 'registry.test:5000';
let harness: HttpHarness;
let folder: string;
beforeAll(async () => {
  harness = await startHttpHarness();
  folder = await mkdtemp(join(tmpdir(), 'shoal-login-'));
});
afterAll(async () => {
  await harness?.end();
  await rm(folder, { recursive: true, force: true });
});

async function logIn(password: string): Promise<void> {
  const auths = { [registry]: { auth: Buffer.from(`someone:${password}`).toString('base64') }, 'other.test': { auth: Buffer.from('nobody:nothing').toString('base64') } };
  await writeFile(join(folder, 'config.json'), JSON.stringify({ auths }));
}

async function docker(...args: string[]): Promise<void> {
  const { stderr, exitCode } = withoutDetachNotice(await harness.docker('--config', folder, ...args));
  expect({ args, stderr, exitCode }).toEqual({ args, stderr: '', exitCode: 0 });
}

const service = (name: string): Service => harness.store.view().named('service', name)!;
const logins = (name: string) => openLogins(service(name).sealedLogins!, (sealed) => sealed.slice('sealed:'.length));
const image = `${registry}/team/app:1`;

test('service create and update', async () => {
  await logIn('one');
  await docker('service', 'create', '-d', '--no-resolve-image', '--with-registry-auth', '--name', 'web', image);
  expect(logins('web')).toEqual({ [registry]: { username: 'someone', password: 'one' } });
  await logIn('two');
  await docker('service', 'update', '-d', '--no-resolve-image', '--label-add', 'a=b', 'web');
  expect(logins('web')[registry]!.password).toBe('one');
  await docker('service', 'update', '-d', '--no-resolve-image', '--with-registry-auth', 'web');
  expect(logins('web')[registry]!.password).toBe('two');
  expect(service('web').templateVersion).toBe(1);
  await docker('service', 'update', '-d', '--no-resolve-image', '--with-registry-auth', '--image', 'other.test/app:2', 'web');
  const both = { [registry]: { username: 'someone', password: 'two' }, 'other.test': { username: 'nobody', password: 'nothing' } };
  expect(logins('web')).toEqual(both);
  await docker('service', 'rollback', '-d', 'web');
  expect(logins('web')).toEqual(both);
});

test('a registry without a login', async () => {
  await docker('service', 'create', '-d', '--no-resolve-image', '--with-registry-auth', '--name', 'free', 'free.test/app:1');
  expect(service('free').sealedLogins).toBeUndefined();
});

test('stack deploy: another password restarts nothing, and the same file again keeps the login', async () => {
  const file = join(folder, 'stack.yml');
  await writeFile(file, `version: '3.8'\nservices:\n  web:\n    image: ${image}\n`);
  const deploy = (...flags: string[]) => docker('stack', 'deploy', '--resolve-image', 'never', ...flags, '-c', file, 'app');
  await logIn('one');
  await deploy('--with-registry-auth');
  expect(logins('app_web')[registry]!.password).toBe('one');
  await logIn('two');
  await deploy('--with-registry-auth');
  expect(logins('app_web')[registry]!.password).toBe('two');
  await deploy();
  expect(logins('app_web')[registry]!.password).toBe('two');
  expect(service('app_web').templateVersion).toBe(1);
});
