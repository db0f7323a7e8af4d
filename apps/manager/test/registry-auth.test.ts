import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLogins } from '../../../libs/model/src/index.js';
import { credentialsFrom } from '../src/engine-api/registry-auth.js';
import { putTask, startHttpHarness, workerNodeId, type HttpHarness } from './http-harness.js';

const header = (config: unknown) => Buffer.from(JSON.stringify(config)).toString('base64url');

describe('the header', () => {
  test.each([
    [undefined, undefined],
    ['', undefined],
    [header({}), undefined],
    [header({ username: '', password: '', serveraddress: 'registry.test' }), undefined],
    [header({ username: 'someone', password: 'a>b?c', serveraddress: 'registry.test' }), { username: 'someone', password: 'a>b?c' }],
    [Buffer.from(JSON.stringify({ username: 'someone', password: 'a>b?c' })).toString('base64'), { username: 'someone', password: 'a>b?c' }],
    [header({ auth: Buffer.from('someone:with:colons').toString('base64') }), { username: 'someone', password: 'with:colons' }],
    [header({ username: 'someone', password: 'old', identitytoken: 'token' }), { username: 'someone', identityToken: 'token' }],
    [header({ identitytoken: 'token' }), { identityToken: 'token' }],
  ])('%s', (text, credentials) => {
    expect(credentialsFrom(text)).toEqual(credentials);
  });

  test.each([
    [Buffer.from('{"password":"hidden').toString('base64'), 'invalid X-Registry-Auth header: it must be a JSON object in base64'],
    [header('hidden'), 'invalid JSON: X-Registry-Auth must be an object'],
    [header({ username: 'someone', password: { hidden: 1 } }), 'invalid JSON: X-Registry-Auth.password must be a string'],
    [header({ registrytoken: 'hidden' }), /registrytoken cannot be passed on/],
  ])('%s is refused without being quoted', (text, message) => {
    expect(() => credentialsFrom(text)).toThrow(message);
    expect(() => credentialsFrom(text)).not.toThrow(/hidden/);
  });
});

describe('a login', () => {
  let harness: HttpHarness;
  beforeEach(async () => {
    harness = await startHttpHarness();
  });
  afterEach(() => harness?.end());

  const auth = (password: string) => ({ 'x-registry-auth': header({ username: 'someone', password }) });
  const spec = (image: string, more: object = {}) => ({ Name: 'web', TaskTemplate: { ContainerSpec: { Image: image } }, ...more });
  const stored = () => harness.store.view().named('service', 'web')!;
  const create = (password?: string) => harness.call('POST', '/services/create', spec('registry.test/app:1'), password === undefined ? {} : auth(password));
  const update = (image: string, { password, query = '', more = {} }: { password?: string; query?: string; more?: object } = {}) =>
    harness.call('POST', `/services/${stored().id}/update?version=${stored().version}${query}`, spec(image, more), password === undefined ? {} : auth(password));
  const open = (sealed: string | undefined) => sealed && openLogins(sealed, (text) => text.slice('sealed:'.length));

  test('is kept with its service for the registry of its image, without a word', async () => {
    expect(await create('hidden')).toMatchObject({ status: 201, json: { Warnings: null } });
    expect(open(stored().sealedLogins)).toEqual({ 'registry.test': { username: 'someone', password: 'hidden' } });
  });

  test('that alone is another changes neither template nor previous spec; the same one changes nothing', async () => {
    await create('hidden');
    await update('registry.test/app:1', { password: 'other' });
    expect(open(stored().sealedLogins)).toMatchObject({ 'registry.test': { password: 'other' } });
    expect(stored()).toMatchObject({ templateVersion: 1 });
    expect(stored().previousSpec).toBeUndefined();
    const { version } = stored();
    expect((await update('registry.test/app:1', { password: 'other' })).status).toBe(200);
    expect(stored().version).toBe(version);
  });

  test('stays when an update says nothing, beside those for other registries, forth and back', async () => {
    await create('first');
    await update('registry.test/app:2', { query: '&registryAuthFrom=spec' });
    expect(open(stored().sealedLogins)).toMatchObject({ 'registry.test': { password: 'first' } });
    await update('other.test/app:3', { password: 'second' });
    const both = { 'registry.test': { username: 'someone', password: 'first' }, 'other.test': { username: 'someone', password: 'second' } };
    for (const query of ['&registryAuthFrom=previous-spec', '&rollback=previous']) {
      expect((await update('registry.test/app:2', { query })).status).toBe(200);
      expect(open(stored().sealedLogins)).toEqual(both);
    }
  });

  test('from somewhere else, or from a spec that never was, is refused', async () => {
    await create('hidden');
    expect(await update('a:2', { query: '&registryAuthFrom=elsewhere' })).toMatchObject({ status: 400, json: { message: 'unrecognized registryAuthFrom elsewhere: it is spec or previous-spec' } });
    const refused = await update('a:2', { query: '&registryAuthFrom=previous-spec' });
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect(refused.json.message).toContain('does not have a previous spec');
  });

  test('comes with a deploy of a stack, too', async () => {
    const files = [{ path: 'stack.yml', text: 'services:\n  web:\n    image: registry.test/app:1\n' }];
    const deploy = (password: string) => harness.call('POST', '/shoal/v1/stacks/app', { files, workingDir: '/', registryLogins: { 'registry.test': { username: 'someone', password } } });
    expect((await deploy('one')).status).toBe(200);
    const service = () => harness.store.view().named('service', 'app_web')!;
    expect(open(service().sealedLogins)).toEqual({ 'registry.test': { username: 'someone', password: 'one' } });
    expect((await deploy('one')).json).toMatchObject({ message: 'nothing changed' });
    expect((await deploy('two')).json).toMatchObject({ changes: [{ action: 'update', detail: 'registry login; no task restarts' }] });
    expect(service().templateVersion).toBe(1);
    expect((await harness.call('POST', '/shoal/v1/stacks/app', { files, workingDir: '/', registryLogins: { 'registry.test': 'hidden' } })).status).toBe(400);
  });

  test('is in no answer, event, or metric, neither open nor sealed', async () => {
    const stream = harness.call('GET', `/events?until=${Math.floor(Date.now() / 1000) + 1}`);
    await create('hidden');
    await update('registry.test/app:2', { password: 'hidden2' });
    const task = await putTask(harness, 'web', { slot: 1, nodeId: workerNodeId, state: 'running' });
    const { id } = stored();
    const paths = [
      ...['/services', `/services/${id}`, `/services/${id}?insertDefaults=true`, '/services?status=true', '/tasks', `/tasks/${task}`, '/nodes', '/swarm', '/info', '/networks', '/secrets', '/configs'],
      ...['/shoal/v1/stacks', '/metrics', '/shoal/v1/openapi.json'],
    ];
    const answers = await Promise.all(paths.map(async (path) => [path, await harness.call('GET', path)] as const));
    const told = [...answers.map(([path, { text }]) => `${path}: ${text}`), (await stream).text, JSON.stringify(harness.events)];
    expect(answers.filter(([, { status }]) => status !== 200).map(([path]) => path)).toEqual([]);
    for (const text of told) expect(text).not.toMatch(/hidden|sealed/i);
  });
});
