import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

it('the documents say what the code says', () => {
  const { status, stderr } = spawnSync(process.execPath, [resolve(import.meta.dirname, 'docs.mjs'), '--check'], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});
