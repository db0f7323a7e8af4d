import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { nouns, topCommands } from '../src/commands/table.js';
import { completionScripts } from '../src/completion/scripts.js';
import { shoal } from './run-shoal.js';
import { stubManager, type StubManager } from './stub-manager.js';

let manager: StubManager | undefined;
afterEach(async () => {
  await manager?.close();
  manager = undefined;
});

const commandLines = [...nouns.flatMap((noun) => noun.verbs.map((verb) => [noun.name, verb.name])), ...topCommands.map((c) => [c.name])];

test.each(commandLines)('%s %s has help', async (...words) => {
  const given = words.filter((word) => typeof word === 'string');
  const result = await shoal([...given, '--help']);
  expect(result.status).toBe(0);
  expect(result.out).toContain(`Usage: shoal ${given.join(' ')}`);
  if (given[0] !== 'help') expect((await shoal(['help', ...given])).out).toBe(result.out);
});

test('help exit-codes lists every status', async () => {
  const { out } = await shoal(['help', 'exit-codes']);
  expect([...out.matchAll(/^ +(\d+) /gm)].map((match) => Number(match[1]))).toEqual([0, 1, 2, 3, 4, 64, 65, 69, 77, 130]);
});

test('a noun alone shows its commands', async () => {
  const result = await shoal(['stack']);
  expect(result.status).toBe(0);
  expect(result.err).toContain('deploy|up');
});

test('--version is that of the package', async () => {
  const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string };
  expect(await shoal(['--version'])).toEqual({ status: 0, out: `shoal version ${manifest.version}\n`, err: '' });
});

describe('completion', () => {
  const complete = async (...words: string[]) => {
    manager = await stubManager(({ path }) => {
      if (path.endsWith('/services')) return { json: [{ ID: 's1', Spec: { Name: 'demo_web', Labels: { 'com.docker.stack.namespace': 'demo' } } }] };
      if (path.endsWith('/stacks/demo/revisions')) return { json: [{ revision: 8 }, { revision: 7 }] };
      return { json: [] };
    });
    const result = await shoal(['completion', 'words', '--', ...words], { host: manager.host });
    return result.out.split('\n').filter(Boolean);
  };

  test('commands and flags', async () => {
    expect(await complete('stac')).toEqual(['stack']);
    expect(await complete('stack', 'de')).toEqual(['deploy']);
    expect(await complete('service', 'ls', '--q')).toEqual(['--quiet']);
    expect(await complete('node', 'update', '--availability', '')).toEqual(['active', 'pause', 'drain']);
  });

  test('live names and files', async () => {
    expect(await complete('service', 'ps', 'demo')).toEqual(['demo_web']);
    expect(await complete('service', 'scale', '')).toEqual(['demo_web=']);
    expect(await complete('stack', 'rm', '')).toEqual(['demo']);
    expect(await complete('stack', 'deploy', '-c', '')).toEqual([':files']);
    expect(await complete('stack', 'plan', '-c', '')).toEqual([':files']);
    expect(await complete('stack', 'rollback', '')).toEqual(['demo']);
    expect(await complete('stack', 'rollback', 'demo', '')).toEqual(['8', '7']);
  });

  test('says nothing when the manager is away', async () => {
    expect(await shoal(['completion', 'words', '--', 'service', 'ps', ''])).toEqual({ status: 0, out: '', err: '' });
  });

  test('bash completes with it', () => {
    const directory = mkdtempSync(join(tmpdir(), 'shoal-bash-'));
    writeFileSync(join(directory, 'shoal'), '#!/bin/sh\nshift 3\necho "got-$1-$2"\n', { mode: 0o755 });
    const script = `${completionScripts.bash}\nCOMP_WORDS=(shoal service p); COMP_CWORD=2; _shoal; echo "\${COMPREPLY[@]}"`;
    const ran = spawnSync('bash', ['-c', script], { env: { PATH: `${directory}:${process.env['PATH']}` }, encoding: 'utf8' });
    rmSync(directory, { recursive: true });
    expect(ran.stdout).toBe('got-service-p\n');
  });
});
