import { expect, it } from 'vitest';
import { formatProblem, loadCompose, renderConfig, toStackSpec } from '../src/index.js';

/** What becomes of Shoal's own words about where tasks run, and how many. */

function convert(deploy: string): { labels: Record<string, string>; constraints?: string[] | undefined; problems: string[]; printed?: string } {
  const text = `services:\n  web:\n    image: i\n    deploy: ${deploy}\n  db: {image: i}\n`;
  const loaded = loadCompose({ files: [{ path: 'a.yml', text }], workingDir: '/w', env: { PRIORITY: '7' } });
  const stack = loaded.ok ? toStackSpec(loaded.config, 'st', () => undefined) : loaded;
  if (!stack.ok || !loaded.ok) return { labels: {}, problems: 'problems' in stack ? stack.problems.map(formatProblem) : [] };
  const spec = stack.spec.services.find(({ name }) => name === 'st_web')!;
  return { problems: [], labels: Object.fromEntries(Object.entries(spec.labels).filter(([label]) => label.startsWith('shoal.'))), constraints: spec.template.placement?.constraints, printed: renderConfig(loaded.config) };
}

it('says it by labels of the service, with the full names of its own stack', () => {
  const placement = '{x-affinity: [db, other_cache@node.labels.zone], x-anti-affinity: [self@node.labels.rack], x-strategy: pack, x-rebalance: true, x-volumes: leave}';
  expect(convert(`{x-priority: "\${PRIORITY}", x-autoscale: {min: 2, max: 10, cpu: 70%, cooldown: 30s}, placement: ${placement}}`)).toMatchObject({
    problems: [],
    labels: {
      'shoal.priority': '7',
      'shoal.placement.affinity': 'st_db,other_cache@node.labels.zone',
      'shoal.placement.anti-affinity': 'self@node.labels.rack',
      'shoal.placement.strategy': 'pack',
      'shoal.placement.rebalance': 'true',
      'shoal.placement.volumes': 'leave',
      'shoal.autoscale': 'min=2 max=10 cpu=70% cooldown=30s',
    },
  });
});

it('prints what it read, so that it can be read again', () => {
  const { printed } = convert('{x-priority: -3, placement: {x-affinity: [db], x-rebalance: false}, x-autoscale: {max: 3, cpu: 50}}');
  expect(printed).toContain('x-priority: -3');
  expect(loadCompose({ files: [{ path: 'b.yml', text: printed! }], workingDir: '/w', env: {} }).ok).toBe(true);
});

it('takes a constraint that lists values', () => {
  expect(convert("{placement: {constraints: ['node.labels.disk in (ssd, nvme)']}}").constraints).toEqual(['node.labels.disk in (ssd, nvme)']);
});

it.each([
  ['{placement: {x-strategy: tight}}', '"tight" is not spread or pack'],
  ['{placement: {x-affinity: ["db@zone"]}}', '"st_db@zone" is not the name of a service'],
  ['{x-priority: 9999999}', 'is not a whole number from'],
  ['{x-autoscale: {min: 3, max: 2, cpu: 50}}', 'min 3 is above max 2'],
  ['{x-autoscale: {max: 2}}', 'it says neither cpu nor memory'],
  ['{x-autoscale: {max: 2, cpu: 50, speed: 3}}', 'speed'],
])('refuses %s with words', (deploy, words) => {
  expect(convert(deploy).problems).toEqual([expect.stringContaining(words)]);
});
