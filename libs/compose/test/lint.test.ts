import { expect, it } from 'vitest';
import { lint, loadCompose, toStackSpec } from '../src/index.js';
import { composeFile } from '../src/schema/compose-schema.js';
import { service } from '../src/schema/service-schema.js';
import type { Shape } from '../src/schema/shape.js';
import { sectionTable } from '../src/section-table.js';

function lintOf(text: string): string[] {
  const loaded = loadCompose({ files: [{ path: 'a.yml', text }], workingDir: '/w', env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const stack = toStackSpec(loaded.config, 'st', () => 'x');
  if (!stack.ok) throw new Error(JSON.stringify(stack.problems));
  return lint(loaded.config, [...loaded.notes, ...stack.notes]).map(({ line, column, path, verdict }) => `${line}:${column} ${verdict} ${path}`);
}

it('has a word for every key, in reading order, and for what is remarkable below', () => {
  const text = 'services:\n  ab:\n    image: i\n    container_name: c\n    extra_hosts: [x]\n    deploy: {replicas: 2, labels: {a: b}}\n    environment: {image: x}\n    x-mine: 1\n  c: {image: i, dns_search: [d], networks: {n: {driver_opts: {a: b}}}}\nnetworks:\n  n: {internal: true}\n';
  expect(lintOf(text)).toEqual([
    '1:1 acts services',
    '3:5 acts services.ab.image',
    '4:5 unsupported services.ab.container_name',
    '5:5 differs services.ab.extra_hosts',
    '5:19 unsupported services.ab.extra_hosts[0]',
    '6:5 acts services.ab.deploy',
    '6:14 differs services.ab.deploy.replicas',
    '6:27 acts services.ab.deploy.labels',
    '7:5 acts services.ab.environment',
    '9:7 acts services.c.image',
    '9:17 acts services.c.dns_search',
    '9:34 acts services.c.networks',
    '9:63 unsupported services.c.networks.n.driver_opts.a',
    '10:1 acts networks',
    '11:7 acts networks.n.internal',
  ]);
});

it('the tables name every key that there is', () => {
  const ownKeys = (shape: Shape | undefined) => Object.keys(shape?.map?.fields ?? {}).filter((key) => !key.startsWith('x-')).sort();
  const inner = (section: string) => composeFile.map!.fields[section]!.shape.map!.patterns![0]!.shape;
  const named = (table: object) => Object.keys(table).filter((key) => !key.startsWith('x-')).sort();
  expect(named(sectionTable.file)).toEqual(ownKeys(composeFile));
  expect(named(sectionTable.deploy)).toEqual(ownKeys(service.map!.fields['deploy']!.shape));
  for (const section of ['network', 'volume', 'secret', 'config'] as const) expect(named(sectionTable[section])).toEqual(ownKeys(inner(`${section}s`)));
});
