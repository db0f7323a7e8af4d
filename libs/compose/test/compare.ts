import { askDocker, askOurselves, configVerdicts, withFiles } from './docker-cli.js';
import type { Case } from './docker-cli.js';
import type { Verdict } from './verdicts.js';

/** Cases that run at the same time: one process of Docker each. */
const width = 3;

export async function forEachCase<T extends Case>(cases: T[], use: (testCase: T) => Promise<string | undefined>): Promise<string[]> {
  const found: string[] = [];
  const queue = [...cases];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const difference = await use(next).catch((error: unknown) => `cannot be compared: ${String(error)}`);
      if (difference !== undefined) found.push(`${next.name}\n${next.files.join('\n+++\n')}\n${difference}`);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return found;
}

/** Where `docker stack config` and we disagree: about refusal, or about a byte of the document. */
export function differences(cases: Case[]): Promise<string[]> {
  return forEachCase(cases, (testCase) =>
    withFiles(testCase, async (folder, names, root) => {
      const docker = await configVerdicts.judge(testCase, root, () => askDocker(testCase, folder, names));
      const ours = await askOurselves(testCase, folder, names);
      const same = docker.accepted ? ours.accepted && docker.answer === withoutAddresses(ours.answer) : !ours.accepted;
      return same ? undefined : `Docker ${inWords(docker)}\nwe ${inWords(ours)}`;
    }),
  );
}

/** Docker's swarm drops the address that a port is published at, and the CLI with it. */
function withoutAddresses(document: string): string {
  return document.replace(/^ +host_ip: .*\n/gm, '');
}

function inWords(verdict: Verdict<string>): string {
  return verdict.accepted ? `print: ${verdict.answer}` : `refuse: ${verdict.why}`;
}

/** Every n-th of many, so that each run is quick and all runs are the same. */
export function every<T>(n: number, items: T[]): T[] {
  return items.filter((_, index) => index % n === 0);
}
