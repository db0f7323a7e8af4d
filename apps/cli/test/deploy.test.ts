import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { shoal, type RunOptions } from './run-shoal.js';
import { stubCluster, type Scene } from './stub-cluster.js';
import { stubManager, type Exchange, type StubManager } from './stub-manager.js';

let manager: StubManager | undefined;
let directory = '';
const file = (name: string) => join(directory, name);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'shoal-deploy-'));
  mkdirSync(file('keys'));
  writeFileSync(file('keys/key'), 's3cret');
  writeFileSync(file('web.env'), 'A=1\nFROM_CLIENT\n');
  writeFileSync(file('.env'), 'TAG=9\nUNUSED=x\n');
  writeFileSync(
    file('demo.yml'),
    [
      'services:',
      '  web:',
      '    image: web:${TAG:-7}',
      '    env_file: web.env',
      '    secrets: [key]',
      'secrets:',
      '  key:',
      '    file: keys/key',
      '',
    ].join('\n'),
  );
  writeFileSync(file('more.yml'), 'services:\n  web:\n    deploy:\n      replicas: 2\n');
});
afterAll(() => rmSync(directory, { recursive: true }));
afterEach(async () => {
  await manager?.close();
  manager = undefined;
});

const running: Scene = { replicas: 2, tasks: [{ ID: 't1', state: 'running' }, { ID: 't2', Slot: 2, state: 'running' }] };

async function deploy(args: string[], answer: object, { status = 200, ...options }: RunOptions & { status?: number } = {}) {
  const own = ({ method }: Exchange) => (method === 'POST' ? { status, json: answer } : undefined);
  manager = await stubManager(stubCluster([running], own));
  const result = await shoal(['stack', 'deploy', ...args], { host: manager.host, workingDir: directory, ...options });
  return { ...result, posted: manager.seen.find((exchange) => exchange.method === 'POST') };
}

describe('what is sent', () => {
  test('the files, what they name, and only the variables that they use', async () => {
    const env = { HOME: '/root', TAG: '8', FROM_CLIENT: 'c', OTHER: 'private' };
    const { posted } = await deploy(['-d', '-c', 'demo.yml,more.yml', '--prune', 'demo'], { changes: [], services: [] }, { env });
    expect(posted!.path).toBe('/shoal/v1/stacks/demo');
    expect(posted!.body).toMatchObject({
      files: [{ path: 'demo.yml' }, { path: 'more.yml' }],
      workingDir: directory,
      env: { TAG: '8', FROM_CLIENT: 'c' },
      homeDir: '/root',
      prune: true,
      dryRun: false,
      attachments: {
        [file('keys/key')]: Buffer.from('s3cret').toString('base64'),
        [file('web.env')]: Buffer.from('A=1\nFROM_CLIENT\n').toString('base64'),
      },
    });
    expect(Object.keys((posted!.body as { env: object }).env).sort()).toEqual(['FROM_CLIENT', 'TAG']);
  });

  test('--env-file fills what the shell does not have, or else the .env beside the first file', async () => {
    const asked = await deploy(['-d', '-c', 'demo.yml', '--env-file', '.env', 'demo'], { changes: [], services: [] });
    expect(asked.posted!.body).toMatchObject({ env: { TAG: '9' } });
    await manager!.close();
    const unasked = await deploy(['-d', '-c', 'demo.yml,more.yml', 'demo'], { changes: [], services: [] }, { env: {} });
    expect(unasked.posted!.body).toMatchObject({ env: { TAG: '9' } });
    await manager!.close();
    writeFileSync(file('other.env'), '');
    const other = await deploy(['-d', '-c', 'demo.yml', '--env-file', 'other.env', 'demo'], { changes: [], services: [] });
    expect((other.posted?.body as { env?: object } | undefined)?.env ?? {}).not.toHaveProperty('TAG');
  });

  test('the file names the stack, and profiles choose among its services', async () => {
    const text = 'name: shop\nservices: {a: {image: i}, b: {image: i, profiles: [debug], depends_on: {a: {condition: service_healthy}}}}\n';
    writeFileSync(file('shop.yml'), text);
    const { posted } = await deploy(['-d', '-c', 'shop.yml', '--profile', 'debug,more'], { changes: [], services: [] });
    expect(posted).toMatchObject({ path: expect.stringContaining('/stacks/shop'), body: { profiles: ['debug', 'more'] } });
    await manager!.close();
    expect(await deploy(['-d', '-c', 'demo.yml'], {})).toMatchObject({ status: 64, err: expect.stringContaining('name the stack') });
  });

  test('what included files refer to is sent, and they with it', async () => {
    mkdirSync(file('db'), { recursive: true });
    writeFileSync(file('db/stack.yml'), 'services: {db: {image: "db:${DB_TAG}"}}\nsecrets: {s: {environment: TOKEN}}\n');
    writeFileSync(file('with.yml'), 'include: [db/stack.yml]\n');
    const { posted } = await deploy(['-d', '-c', 'with.yml', 'demo'], { changes: [], services: [] }, { env: { DB_TAG: '3', TOKEN: 't', OTHER: 'x' } });
    expect(posted!.body).toMatchObject({ env: { DB_TAG: '3', TOKEN: 't' }, attachments: { [file('db/stack.yml')]: expect.any(String) } });
    expect((posted!.body as { env: object }).env).not.toHaveProperty('OTHER');
  });

  test('a file in UTF-16; ~ is nothing where HOME is not set', async () => {
    const text = 'services:\n  web:\n    image: web:1\n    volumes: ["~/é:/x"]\n';
    writeFileSync(file('utf16.yml'), Buffer.from(`\uFEFF${text}`, 'utf16le'));
    const { posted } = await deploy(['-d', '-c', 'utf16.yml', 'demo'], { changes: [], services: [] });
    expect(posted!.body).toMatchObject({ files: [{ path: 'utf16.yml', text }] });
    expect(posted!.body).not.toHaveProperty('homeDir');
  });

  test('stdin', async () => {
    const stdin = 'services:\n  web:\n    image: web:1\n';
    const { posted } = await deploy(['-d', '-c', '-', 'demo'], { changes: [], services: [] }, { stdin });
    expect(posted!.body).toMatchObject({ files: [{ path: '<stdin>', text: stdin }], workingDir: directory });
  });
});

describe('what is printed', () => {
  const changes = [
    { action: 'create', kind: 'network', name: 'demo_default' },
    { action: 'update', kind: 'service', name: 'demo_web', detail: 'replicas 5 → 2' },
  ];

  test('the changes, then the progress', async () => {
    const { status, out, err } = await deploy(['-c', 'demo.yml', 'demo'], { revision: 3, changes, notes: [], services: ['s1'] });
    expect(err).toBe('');
    expect(out).toBe(
      'Creating network demo_default\nUpdating service demo_web: replicas 5 → 2\ndemo_web: 2/2, converged\n',
    );
    expect(status).toBe(0);
  });

  test('nothing changed', async () => {
    const { status, out } = await deploy(['-c', 'demo.yml', 'demo'], { revision: 3, changes: [], notes: [], services: ['s1'] });
    expect({ status, out }).toEqual({ status: 0, out: 'nothing changed\ndemo_web: 2/2, converged\n' });
  });

  test('a dry run only tells', async () => {
    const { status, out, posted } = await deploy(['--dry-run', '-c', 'demo.yml', 'demo'], { revision: 1, changes, services: ['s1'] });
    expect(posted!.body).toMatchObject({ dryRun: true });
    expect(status).toBe(2);
    expect(out).toContain('+ network demo_default: create\n');
  });

  test('notes of the manager, with their place', async () => {
    const notes = [{ kind: 'ignored', file: 'demo.yml', line: 4, column: 5, path: 'services.web.build', message: 'images are not built' }];
    const { err } = await deploy(['-d', '-c', 'demo.yml', 'demo'], { changes, notes, services: [] });
    expect(err).toBe('demo.yml:4:5: note: services.web.build: images are not built\n');
  });

  test('problems that only the manager can see end with 1, all at once', async () => {
    const problem = { file: 'demo.yml', line: 3, column: 5, path: 'services.web.image', message: 'not here', suggestion: 'web:1' };
    const { status, err } = await deploy(['-c', 'demo.yml', 'demo'], { message: 'invalid', problems: [problem, { ...problem, line: 9 }] }, { status: 400 });
    expect(status).toBe(1);
    expect(err).toBe(
      'demo.yml:3:5: services.web.image: not here (web:1)\ndemo.yml:9:5: services.web.image: not here (web:1)\n2 problems. Nothing was changed.\n',
    );
  });

  test('a refusal without problems ends with 1', async () => {
    const { status, err } = await deploy(['-c', 'demo.yml', 'demo'], { message: 'network x could not be found' }, { status: 400 });
    expect({ status, err }).toEqual({ status: 1, err: 'network x could not be found\n' });
  });
});

describe('stack lint', () => {
  const lint = (...args: string[]) => shoal(['stack', 'lint', '-c', 'lint.yml', ...args], { workingDir: directory });
  const write = (extra: string) => writeFileSync(file('lint.yml'), `services:\n  a:\n    image: i\n${extra}`);

  test('says what each key does, without a manager', async () => {
    write('    expose: [80]\n    depends_on: []\n');
    const { out, status } = await lint();
    expect(out.split('\n').map((line) => line.replace(/ \(.*/, ''))).toEqual([
      'lint.yml:1:1: acts: services',
      'lint.yml:3:5: acts: services.a.image',
      'lint.yml:4:5: unsupported: services.a.expose',
      'lint.yml:5:5: differs: services.a.depends_on',
      '4 keys: 2 act, 1 differ from Docker, 1 unsupported',
      '',
    ]);
    expect(status).toBe(0);
    expect(await lint('--strict')).toMatchObject({ status: 65 });
    expect(JSON.parse((await lint('--format', 'json', '-q')).out)).toMatchObject([{ line: 4, verdict: 'unsupported', path: 'services.a.expose' }, { line: 5, verdict: 'differs' }]);
    write('');
    expect(await lint('--strict')).toMatchObject({ status: 0 });
  });

  test('an invalid file is told as at a deploy', async () => {
    write('    imagee: x\n');
    expect(await lint()).toMatchObject({ status: 65, err: expect.stringContaining('lint.yml:4:5: services.a.imagee: "imagee" is not a key here') });
  });
});

describe('stack config', () => {
  test('prints the merged file without a manager', async () => {
    const result = await shoal(['stack', 'config', '-c', 'demo.yml', '-c', 'more.yml'], { workingDir: directory });
    expect(result.status).toBe(0);
    expect(result.out).toContain('image: web:9');
    expect(result.out).toContain('replicas: 2');
  });

  test('leaves variables alone when asked to', async () => {
    const result = await shoal(['stack', 'config', '--skip-interpolation', '-c', 'demo.yml'], { workingDir: directory });
    expect(result.out).toContain('image: web:${TAG:-7}');
  });

  test('refuses with 1, as docker does', async () => {
    const result = await shoal(['stack', 'config', '-c', 'nofile.yml'], { workingDir: directory });
    expect(result.status).toBe(1);
  });
});

test('flags of docker that have no effect here are taken, and said so', async () => {
  const { status, err } = await deploy(['-d', '--resolve-image', 'never', '-c', 'demo.yml', 'demo'], { changes: [], services: [] });
  expect(status).toBe(0);
  expect(err).toMatch(/^note: --resolve-image has no effect: .*\n$/);
});
