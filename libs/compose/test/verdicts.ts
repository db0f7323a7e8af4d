import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * What the docker CLI says about each case, recorded, for machines whose docker CLI is too old to be asked.
 *
 * A CLI from `oldestJudge` on is asked and must say what is recorded. With an older one, or none, the recording is the judge.
 * `RECORD_VERDICTS=1` asks the CLI and writes all anew. A recording is one line of JSON for each case, sorted.
 */

/** Answer: what was printed or requested, as JSON. Why: for people, not recorded. */
export type Verdict<Answer> = { accepted: true; answer: Answer } | { accepted: false; why: string };

/** What a verdict depends on. */
export interface Input {
  name: string;
  files: string[];
  extra?: Record<string, string | Uint8Array>;
  env?: Record<string, string>;
  skipInterpolation?: boolean;
}

export interface Verdicts<Answer> {
  /** `folder` is the one path of this machine that the answer may contain; it is not recorded. Throws when there is no verdict, or two. */
  judge(input: Input, folder: string, ask: () => Promise<Verdict<Answer>>): Promise<Verdict<Answer>>;
  /** After the last case: writes the recording if asked to. */
  save(): Promise<void>;
}

/** The first major version of the docker CLI with today's `docker stack config` and compose schema 3.13. */
const oldestJudge = 28;
const folderName = '@folder@';
const recording = process.env['RECORD_VERDICTS'] === '1';
const howToRecord = `record it with a docker CLI ${oldestJudge} or newer: RECORD_VERDICTS=1 npx vitest run --project contract libs/compose`;

export function openVerdicts<Answer>(name: string): Verdicts<Answer> {
  const path = fileURLToPath(new URL(`./verdicts/${name}.jsonl`, import.meta.url));
  const recorded = recording ? new Map<string, string>() : readLines(path);
  const version = cliVersion();
  return {
    async judge(input, folder, ask) {
      const key = keyOf(input);
      const live = Number.parseInt((await version) ?? '0', 10) >= oldestJudge ? await ask() : undefined;
      if (recording) {
        if (!live) throw new Error(`docker CLI ${await version} is too old to be recorded; ${oldestJudge} or newer is needed in PATH`);
        recorded.set(key, lineOf(key, live, folder));
        return live;
      }
      const line = recorded.get(key);
      if (line === undefined) throw new Error(`no verdict of the docker CLI is recorded for this case (${key}); ${howToRecord}`);
      if (live && lineOf(key, live, folder) !== line) {
        throw new Error(`docker CLI ${await version} says something else than what is recorded; if it is right, ${howToRecord}\nsays: ${lineOf(key, live, folder)}\nrecorded: ${line}`);
      }
      return live ?? verdictOf(line, folder);
    },
    async save() {
      if (!recording) return;
      mkdirSync(dirname(path), { recursive: true });
      const header = JSON.stringify({ docker: await version });
      writeFileSync(path, [header, ...[...recorded.values()].sort()].map((line) => `${line}\n`).join(''));
    },
  };
}

function readLines(path: string): Map<string, string> {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n').slice(1);
  return new Map(lines.map((line) => [(JSON.parse(line) as { case: string }).case, line]));
}

function lineOf(key: string, verdict: Verdict<unknown>, folder: string): string {
  const line = JSON.stringify({ case: key, accepted: verdict.accepted, ...(verdict.accepted ? { answer: verdict.answer } : {}) });
  return line.replaceAll(folder, folderName);
}

function verdictOf<Answer>(line: string, folder: string): Verdict<Answer> {
  const { accepted, answer } = JSON.parse(line.replaceAll(folderName, folder)) as { accepted: boolean; answer: Answer };
  return accepted ? { accepted, answer } : { accepted, why: 'recorded without its words' };
}

/** The name of a case is for people and may change. */
function keyOf({ files, extra = {}, env = {}, skipInterpolation = false }: Input): string {
  const contents = Object.entries(extra).map(([path, content]) => [path, Buffer.from(content as string).toString('base64')]);
  return createHash('sha256').update(JSON.stringify([files, contents, Object.entries(env), skipInterpolation])).digest('hex').slice(0, 16);
}

/** Undefined without a docker CLI. */
function cliVersion(): Promise<string | undefined> {
  return new Promise((done, fail) => {
    execFile('docker', ['--version'], (error, stdout) => {
      const version = /version (\S+?),/.exec(stdout)?.[1];
      if (version !== undefined || error?.code === 'ENOENT') done(version);
      else fail(new Error(`the docker CLI does not say its version: ${error?.message ?? stdout}`));
    });
  });
}
