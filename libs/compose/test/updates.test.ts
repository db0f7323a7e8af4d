import { expect, it } from 'vitest';
import { formatProblem, loadCompose, renderConfig, toStackSpec } from '../src/index.js';

/** What becomes of Shoal's own words about updates and schedules. */

function convert(deploy: string): { labels: Record<string, string>; problems: string[]; printed?: string } {
  const text = `services:\n  web:\n    image: i\n    deploy: ${deploy}\n`;
  const loaded = loadCompose({ files: [{ path: 'a.yml', text }], workingDir: '/w', env: {} });
  const stack = loaded.ok ? toStackSpec(loaded.config, 'st', () => undefined) : loaded;
  if (!stack.ok || !loaded.ok) return { labels: {}, problems: 'problems' in stack ? stack.problems.map(formatProblem) : [] };
  return { problems: [], labels: Object.fromEntries(Object.entries(stack.spec.services[0]!.labels).filter(([label]) => label.startsWith('shoal.'))), printed: renderConfig(loaded.config) };
}

it.each([
  ['{update_config: {x-progress-deadline: 2m, x-canary: 1}, x-drain-delay: 5s}', { 'shoal.update.progress-deadline': '2m', 'shoal.update.canary': '1', 'shoal.drain-delay': '5s' }],
  ['{update_config: {x-progress-deadline: none, x-canary: 10%}}', { 'shoal.update.progress-deadline': 'none', 'shoal.update.canary': '10%' }],
  [
    '{mode: replicated-job, x-cron: {schedule: "30 2 * * *", timezone: Europe/Berlin, concurrency: replace, deadline: 10m, history: 3}}',
    { 'shoal.cron.schedule': '30 2 * * *', 'shoal.cron.timezone': 'Europe/Berlin', 'shoal.cron.concurrency': 'replace', 'shoal.cron.deadline': '10m', 'shoal.cron.history': '3' },
  ],
])('%s is said by labels of the service', (deploy, labels) => {
  expect(convert(deploy)).toMatchObject({ problems: [], labels });
});

it('prints them as they were written', () => {
  const { printed } = convert('{update_config: {x-canary: 10%, x-progress-deadline: 2m}, x-drain-delay: 5s, x-cron: {schedule: "@daily"}}');
  for (const line of ['x-canary: 10%', 'x-progress-deadline: 2m', 'x-drain-delay: 5s', "schedule: '@daily'"]) expect(printed).toContain(line);
});

it.each([
  ['{update_config: {x-canary: some}}', '"some" is neither a number of tasks such as 1 nor a share of them such as 10%'],
  ['{update_config: {x-progress-deadline: soon}}', '"soon" is not a duration such as 90s or 10m'],
  ['{x-drain-delay: 5}', 'must be a string'],
  ['{x-cron: {schedule: "61 * * * *"}}', '"61 * * * *" is not a schedule: "61" is not between 0 and 59'],
  ['{x-cron: {schedule: "@daily", timezone: Mars/Base}}', '"Mars/Base" is not a time zone'],
  ['{x-cron: {timezone: UTC}}', '"schedule" is missing'],
  ['{x-cron: {schedule: "@daily", concurrency: never}}', '"never" is not one of forbid, replace, allow'],
  ['{rollback_config: {x-canary: 1}}', '"x-canary" is not a key here'],
])('refuses %s with words and place', (deploy, words) => {
  expect(convert(deploy).problems).toEqual([expect.stringContaining(words)]);
  expect(convert(deploy).problems[0]).toMatch(/^a\.yml:\d+:\d+/);
});
