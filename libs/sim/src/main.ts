import { parseArgs } from 'node:util';
import { commandFor, storyFor } from './command.js';
import { shrink } from './shrink.js';
import { simulate, type Outcome } from './simulate.js';
import { storyInWords } from './tell.js';

const help = `npm run sim -- [--seed N] [--seeds COUNT] [--hours H] [--only EVENTS] [--no-shrink] [--log LINES]

Simulates a cluster: the real control plane and agents in virtual time, with users and misfortunes invented from the seed.
  --seed N       the (first) seed; 1 by default
  --seeds COUNT  that many seeds, one after the other; 1 by default
  --hours H      hours of the cluster's life; 1 by default
  --only EVENTS  leave out all events but these, such as 0-3,17: numbers from 0 on, in the order of the story
  --no-shrink    do not look for a shorter story that fails the same way
  --log LINES    so many lines of what happened last; 40 by default
Exit status: 0 all promises kept, 1 one was broken.`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    hours: { type: 'string', default: '1' },
    only: { type: 'string' },
    'no-shrink': { type: 'boolean', default: false },
    log: { type: 'string', default: '40' },
    help: { type: 'boolean', default: false },
  },
});

const write = (line: string) => process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const first = number('seed', 0);
  const count = number('seeds', 1);
  const hours = number('hours', 0);
  let failures = 0;
  for (let seed = first; seed < first + count; seed++) {
    const startedMs = performance.now();
    const outcome = await simulate(storyFor({ seed, hours, only: values.only }));
    const tookMs = Math.round(performance.now() - startedMs);
    write(`seed ${seed}: ${outcome.failure ? `BROKEN ${outcome.failure.check}` : 'kept all promises'}; ${outcome.commits} commits, trace ${outcome.traceHash}, ${tookMs} ms`);
    if (!outcome.failure) continue;
    failures++;
    await tell(outcome);
  }
  if (count > 1) write(`${count - failures} seeds kept all promises, ${failures} did not`);
  return failures === 0 ? 0 : 1;
}

async function tell(outcome: Outcome): Promise<void> {
  write(`  ${outcome.failure!.what}`);
  write(`  again: ${commandFor(outcome.story)}`);
  const shortest = values['no-shrink'] ? outcome : await shrink(outcome);
  write(`the ${values['no-shrink'] ? 'story' : 'shortest story found'}:`);
  for (const line of storyInWords(shortest.story)) write(`  ${line}`);
  if (shortest !== outcome) write(`  again: ${commandFor(shortest.story)}`);
  write(`  ${shortest.failure!.check}: ${shortest.failure!.what}`);
  write('what happened last:');
  for (const line of shortest.log.slice(-number('log', 0))) write(`  ${line}`);
}

function number(option: 'seed' | 'seeds' | 'hours' | 'log', least: number): number {
  const value = Number(values[option]);
  if (Number.isFinite(value) && value >= least) return value;
  throw new Error(`--${option} is a number from ${least} on, not ${values[option]}`);
}

if (values.help) {
  write(help);
} else {
  process.exitCode = await main();
}
