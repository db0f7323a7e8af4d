import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { shoal } from './run-shoal.js';
import { stubCluster } from './stub-cluster.js';
import { stubManager, type Exchange } from './stub-manager.js';

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'shoal-logins-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const base64 = (text: string) => Buffer.from(text).toString('base64');
const configure = (config: object | string) => writeFileSync(join(home, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));

function helper(name: string, script: string): void {
  const path = join(home, `docker-credential-${name}`);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

async function run(args: string[]) {
  const manager = await stubManager(
    stubCluster([{ replicas: 1, tasks: [] }], ({ method, path }: Exchange) => (method === 'POST' ? { json: path === '/v1.41/services/create' ? { ID: 'service' } : { changes: [], services: [] } } : undefined)),
  );
  const result = await shoal(args, { host: manager.host, workingDir: home, env: { DOCKER_CONFIG: home, PATH: `${home}:${process.env['PATH']}` } });
  await manager.close();
  return { ...result, posted: manager.seen.find(({ method }) => method === 'POST') };
}

/** What a deploy of these images sends, and says. */
async function deploy(...images: string[]) {
  writeFileSync(join(home, 'stack.yml'), `services:\n${images.map((image, index) => `  s${index}:\n    image: ${image}\n`).join('')}`);
  const { status, err, posted } = await run(['stack', 'deploy', '-d', '--with-registry-auth', '-c', 'stack.yml', 'app']);
  return { status, err, logins: (posted?.body as { registryLogins?: unknown } | undefined)?.registryLogins };
}

describe('stack deploy --with-registry-auth', () => {
  test('sends the logins for the registries of its images and no others', async () => {
    configure({
      auths: {
        'registry.test:5000': { auth: base64('someone:with:colon') },
        'https://index.docker.io/v1/': { auth: base64('hub:user') },
        'https://url.test/v1/': { auth: base64('me:mine') },
        'token.test': { auth: base64('me:'), identitytoken: 'token' },
        'unused.test': { auth: base64('other:secret') },
      },
    });
    const { logins, err } = await deploy('registry.test:5000/app:1', 'registry.test:5000/db:1', 'nginx:1', 'url.test/app', 'token.test/app');
    expect(logins).toEqual({
      'registry.test:5000': { username: 'someone', password: 'with:colon' },
      'docker.io': { username: 'hub', password: 'user' },
      'url.test': { username: 'me', password: 'mine' },
      'token.test': { username: 'me', identityToken: 'token' },
    });
    expect(err).toBe('');
  });

  test('says which logins are missing, but not for Docker Hub', async () => {
    const { logins, err, status } = await deploy('registry.test/app:1', 'nginx:1');
    expect({ logins, status }).toEqual({ logins: {}, status: 0 });
    expect(err).toBe(`note: there is no login for registry registry.test in ${join(home, 'config.json')}: its images are pulled without one; log in with: docker login registry.test\n`);
  });

  test('asks the credential helpers: that of the registry before that of all', async () => {
    configure({ credsStore: 'all', credHelpers: { 'own.test': 'own' }, auths: { 'registry.test': {} } });
    helper('own', 'test "$1" = get && printf \'{"ServerURL":"x","Username":"<token>","Secret":"token of %s"}\' "$(cat)"');
    helper('all', 'read address; case $address in registry.test) echo \'{"Username":"me","Secret":"mine"}\';; *) echo "credentials not found in native keychain"; exit 1;; esac');
    const { logins, err } = await deploy('own.test/app', 'registry.test/app', 'nginx:1');
    expect(logins).toEqual({ 'own.test': { identityToken: 'token of own.test' }, 'registry.test': { username: 'me', password: 'mine' } });
    expect(err).toBe('');
  });

  test('uses the file where the helper is not installed, and says so', async () => {
    configure({ credsStore: 'nowhere', auths: { 'registry.test': { auth: base64('me:mine') } } });
    const { logins, err } = await deploy('registry.test/app');
    expect(logins).toEqual({ 'registry.test': { username: 'me', password: 'mine' } });
    expect(err).toBe(`note: docker-credential-nowhere, which ${join(home, 'config.json')} names for registry.test, is not installed\n`);
  });

  test.each([
    ['a helper that fails', { credsStore: 'broken' }, 'docker-credential-broken does not tell the login for registry.test: the key ring is locked'],
    ['a helper that babbles', { credsStore: 'babbles' }, 'docker-credential-babbles answers with something that is not JSON'],
    ['a helper with a path', { credsStore: '../../evil' }, '"../../evil" in the configuration of docker is not the name of a credential helper'],
    ['a file that is cut short', '{"auths":{"registry.test":{"auth":"c2VjcmV0', 'the logins of docker cannot be read: it is not valid JSON'],
  ])('%s is told, quotes no secret, and nothing is deployed', async (_what, config, message) => {
    configure(config);
    helper('broken', 'echo "the key ring is locked"; exit 1');
    helper('babbles', 'echo hunter2');
    const { status, err, logins } = await deploy('registry.test/app');
    expect({ status, logins }).toEqual({ status: 1, logins: undefined });
    expect(err).toContain(message);
    expect(err).not.toMatch(/hunter2|c2VjcmV0/);
  });
});

test('service create --with-registry-auth sends the header of the Engine API', async () => {
  configure({ auths: { 'registry.test': { auth: base64('me:mine') } } });
  const { posted } = await run(['service', 'create', '-d', '--with-registry-auth', '--name', 'web', 'registry.test/app:1']);
  expect(JSON.parse(Buffer.from(posted!.headers['x-registry-auth'] as string, 'base64url').toString())).toEqual({ username: 'me', password: 'mine' });
});

test('without the flag no login leaves this machine', async () => {
  configure({ auths: { 'registry.test': { auth: base64('me:mine') } } });
  const { posted } = await run(['service', 'create', '-d', '--name', 'web', 'registry.test/app:1']);
  expect(posted!.headers).not.toHaveProperty('x-registry-auth');
});
