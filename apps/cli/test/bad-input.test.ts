import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { shoal } from './run-shoal.js';
import { stubManager, type StubManager } from './stub-manager.js';

let manager: StubManager | undefined;
let directory = '';
beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'shoal-files-'))));
afterAll(() => rmSync(directory, { recursive: true }));
afterEach(async () => {
  await manager?.close();
  manager = undefined;
});

describe('bad usage ends with 64', () => {
  test.each([
    [['stakc', 'ls'], 'Did you mean stack?'],
    [['stack', 'deplyo'], 'Did you mean deploy?'],
    [['service', 'ls', '--quite'], 'Did you mean --quiet?'],
    [['service', 'ps'], "missing required argument 'service'"],
    [['service', 'ls', '-f', 'web'], 'bad filter "web": write key=value'],
    [['service', 'scale', 'web'], 'write SERVICE=REPLICAS'],
    [['service', 'scale', 'web=many'], 'write SERVICE=REPLICAS'],
    [['service', 'logs', '--tail', 'few', 'web'], 'neither a number nor "all"'],
    [['stack', 'deploy', 'demo'], 'name a stack file with -c FILE'],
    [['stack', 'deploy', '-c', 'x.yml', 'two words'], 'invalid stack name: "two words"'],
    [['stack', 'deploy', '-c', 'x.yml', ''], 'invalid stack name: ""'],
    [['stack', 'deploy', '-c', 'x.yml', '--timeout', 'soon', 'demo'], '"soon" is not a duration'],
    [['node', 'update', '--availability', 'away', 'n1'], 'Allowed choices are active, pause, drain'],
    [['node', 'update', 'n1'], 'nothing to change'],
    [['-H', 'ftp://x', 'node', 'ls'], '"ftp://x" is not the address of a manager'],
    [['completion', 'tcsh'], 'Allowed choices are bash, zsh, fish'],
    [['help', 'stakc'], 'Did you mean stack?'],
  ])('%j', async (args, message) => {
    const result = await shoal(args);
    expect(result.err).toContain(message);
    expect(result.status).toBe(64);
  });

  test('or with 125 for scripts that expect docker', async () => {
    expect((await shoal(['service', 'ls', '--quite'], { env: { DOCKER_COMPAT: '1' } })).status).toBe(125);
  });
});

describe('a stack file that is invalid ends with 65 and asks no manager', () => {
  const deploy = (file: string) => shoal(['stack', 'deploy', '-c', file, 'demo'], { workingDir: directory });

  test('missing', async () => {
    expect(await deploy('nofile.yml')).toEqual({
      status: 65,
      out: '',
      err: 'nofile.yml: cannot read the stack file: no such file or directory\n',
    });
  });

  test.each([
    ['UTF-8', Buffer.from('services:\n  # caf\xe9\n', 'latin1'), 'line 2 is not UTF-8 text'],
    ['UTF-16', Buffer.from([0xff, 0xfe, 0x00, 0xdc]), 'it is not UTF-16LE text'],
  ])('no %s', async (_, bytes, message) => {
    writeFileSync(join(directory, 'odd.yml'), bytes);
    expect(await deploy('odd.yml')).toEqual({ status: 65, out: '', err: `odd.yml: cannot read the stack file: ${message}; save the file as UTF-8\n` });
  });

  test('several missing are named at once', async () => {
    expect((await deploy('a.yml,b.yml')).err.trim().split('\n')).toHaveLength(2);
  });

  test('a directory', async () => {
    expect(await deploy('.')).toMatchObject({ status: 65, err: '.: cannot read the stack file: it is a directory\n' });
  });

  test('broken YAML', async () => {
    writeFileSync(join(directory, 'broken.yml'), 'services:\n  web:\n    image: "x\n');
    const result = await deploy('broken.yml');
    expect(result.status).toBe(65);
    expect(result.err).toMatch(/^broken\.yml:\d+:\d+: /);
  });

  test('unknown keys, all at once, with their places', async () => {
    writeFileSync(join(directory, 'unknown.yml'), 'services:\n  web:\n    image: x\n    imgae: y\n  db:\n    image: x\n    prots: []\n');
    const result = await deploy('unknown.yml');
    expect(result.status).toBe(65);
    expect(result.err).toMatch(/^unknown\.yml:4:5: .*imgae/m);
    expect(result.err).toMatch(/^unknown\.yml:7:5: .*prots/m);
    expect(result.err).toContain('2 problems. Nothing was changed.');
  });

  test('a file that it names is missing', async () => {
    writeFileSync(join(directory, 'names.yml'), 'services:\n  web:\n    image: x\n    secrets: [key]\nsecrets:\n  key:\n    file: ./nokey\n');
    const result = await deploy('names.yml');
    expect(result.status).toBe(65);
    expect(result.err).toContain('nokey');
  });

  test('an env file that is missing or broken', async () => {
    writeFileSync(join(directory, 'good.yml'), 'services:\n  web:\n    image: x\n');
    writeFileSync(join(directory, 'bad.env'), 'A=1\n!\n');
    const run = (envFile: string) => shoal(['stack', 'deploy', '-c', 'good.yml', '--env-file', envFile, 'demo'], { workingDir: directory });
    expect(await run('no.env')).toMatchObject({ status: 65, err: expect.stringContaining('no such file or directory') });
    expect(await run('bad.env')).toMatchObject({ status: 65, err: expect.stringContaining('bad.env:2:1') });
  });
});

describe('a manager that cannot be reached ends with 69', () => {
  test('no socket', async () => {
    const result = await shoal(['node', 'ls'], { host: 'unix:///nonexistent/shoal.sock' });
    expect(result.status).toBe(69);
    expect(result.err).toContain('cannot reach the manager at unix:///nonexistent/shoal.sock: there is no such socket');
    expect(result.err).toContain('Start it with');
  });

  test('a file that is no socket', async () => {
    const file = join(directory, 'plain');
    writeFileSync(file, '');
    expect((await shoal(['service', 'ls'], { host: `unix://${file}` })).status).toBe(69);
  });

  test('version shows the client all the same', async () => {
    const result = await shoal(['version']);
    expect(result.status).toBe(69);
    expect(result.out).toContain('Client:');
  });
});

describe('unknown names end with 1 and a suggestion', () => {
  const web = { ID: 'abcdef', Spec: { Name: 'web', Labels: { 'com.docker.stack.namespace': 'demo' }, TaskTemplate: {}, Mode: { Global: {} } } };
  const node = { ID: 'n1', Spec: {}, Description: { Hostname: 'alpha' } };

  test.each([
    [['service', 'ps', 'wbe'], 'no such service: wbe. Did you mean web?\n'],
    [['service', 'inspect', 'wbe'], 'no such service: wbe. Did you mean web?\n'],
    [['service', 'rm', 'wbe'], 'no such service: wbe. Did you mean web?\n'],
    [['service', 'scale', 'wbe=2'], 'no such service: wbe. Did you mean web?\n'],
    [['service', 'update', '--force', 'zzzzzz'], 'no such service: zzzzzz\n'],
    [['node', 'update', '--availability', 'drain', 'alhpa'], 'no such node: alhpa. Did you mean alpha?\n'],
    [['stack', 'ps', 'dmeo'], 'nothing found in stack: dmeo. Did you mean demo?\n'],
    [['stack', 'services', 'dmeo'], 'nothing found in stack: dmeo. Did you mean demo?\n'],
    [['stack', 'rm', 'dmeo'], 'nothing found in stack: dmeo. Did you mean demo?\n'],
  ])('%j', async (args, message) => {
    manager = await stubManager(({ path, query, method }) => {
      if (method !== 'GET') return undefined;
      const filters = JSON.parse(query['filters'] ?? '{}') as Record<string, Record<string, boolean>>;
      const other = Object.values(filters).some((values) => !values['com.docker.stack.namespace']);
      if (path.endsWith('/services')) return { json: other ? [] : [web] };
      if (path.endsWith('/nodes')) return { json: [node] };
      return /\/(tasks|networks|secrets|configs)$/.test(path) ? { json: [] } : undefined;
    });
    const result = await shoal(args, { host: manager.host });
    expect(result.err).toBe(message);
    expect(result.status).toBe(1);
    expect(manager.seen.filter((exchange) => exchange.path.endsWith('/update'))).toEqual([]);
  });
});

test('what the manager refuses is printed in its words, without the wrapping of an rpc', async () => {
  const message = "rpc error: code = InvalidArgument desc = secret 's1' is in use by the following service: full";
  manager = await stubManager(() => ({ status: 400, json: { message } }));
  expect(await shoal(['secret', 'rm', 's1'], { host: manager.host })).toEqual({
    status: 1,
    out: '',
    err: "secret 's1' is in use by the following service: full\n",
  });
});

test('a refusal for lack of rights ends with 77', async () => {
  manager = await stubManager(() => ({ status: 403, json: { message: 'not allowed' } }));
  expect((await shoal(['node', 'ls'], { host: manager.host })).status).toBe(77);
});
