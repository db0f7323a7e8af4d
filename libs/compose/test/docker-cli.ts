import { execFile } from 'node:child_process';
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { formatProblem, loadCompose, renderConfig } from '../src/index.js';
import { openVerdicts } from './verdicts.js';
import type { Input, Verdict } from './verdicts.js';

/** One input for both Docker and us. Several `files` are given with `-c` in this order; `extra` lie beside them. */
export type Case = Input;

export const configVerdicts = openVerdicts<string>('stack-config');

const baseEnv = { PATH: process.env['PATH'] ?? '', HOME: '/home/judge', TZ: 'UTC' };

/** Writes the files of a case into a folder `case` inside a folder of its own (`root`), and removes it afterwards. */
export async function withFiles<T>(testCase: Case, use: (folder: string, names: string[], root: string) => Promise<T>): Promise<T> {
  const root = await mkdtemp(join(tmpdir(), 'compose-'));
  const folder = join(root, 'case');
  try {
    await mkdir(folder);
    const names = testCase.files.map((_, index) => (index === 0 ? 'a.yml' : `${index}.yml`));
    for (const [index, text] of testCase.files.entries()) await writeFile(join(folder, names[index] as string), text);
    for (const [name, content] of Object.entries(testCase.extra ?? {})) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), content);
    }
    return await use(folder, names, root);
  } finally {
    await rm(root, { recursive: true });
  }
}

/** What `docker stack config` says. */
export function askDocker(testCase: Case, folder: string, names: string[]): Promise<Verdict<string>> {
  const flags = testCase.skipInterpolation ? ['--skip-interpolation'] : [];
  const argv = ['stack', 'config', ...flags, ...names.flatMap((name) => ['-c', name])];
  return new Promise((done, fail) => {
    execFile('docker', argv, { cwd: folder, env: { ...baseEnv, ...testCase.env }, maxBuffer: 1e8 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') fail(new Error(`the docker CLI, the judge of these tests, cannot be run: ${error.message}`));
      else done(error ? { accepted: false, why: stderr.split('\n').slice(0, 4).join('\n') } : { accepted: true, answer: stdout });
    });
  });
}

/** What we say. */
export async function askOurselves(testCase: Case, folder: string, names: string[]): Promise<Verdict<string>> {
  const files = await Promise.all(names.map(async (path) => ({ path, text: await readFile(join(folder, path), 'utf8') })));
  const result = loadCompose({
    files,
    workingDir: resolve(folder),
    env: { ...baseEnv, ...testCase.env },
    readFile: readExisting,
    ...(testCase.skipInterpolation ? { interpolate: false } : {}),
  });
  if (!result.ok) return { accepted: false, why: result.problems.map(formatProblem).join('\n') };
  return { accepted: true, answer: renderConfig(result.config) };
}

export function readExisting(path: string): Uint8Array | undefined {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path) : undefined;
}
