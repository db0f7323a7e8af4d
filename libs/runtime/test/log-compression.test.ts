import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compressRotated } from '../src/log-compression.js';

test('a file is handed over once, however late its twin is taken', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'shoal-log-'));
  try {
    writeFileSync(join(directory, 'json.log.1'), 'one\n');
    const twins: string[] = [];
    for (let look = 0; look < 3; look++) await compressRotated(join(directory, 'json.log'), (_, twin) => twins.push(twin));
    expect(twins).toHaveLength(1);
    expect(existsSync(twins[0]!)).toBe(true);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
