import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { useCluster } from '../harness/fixture.js';
import { must } from '../harness/run.js';

const test = useCluster({ nodes: 2 });

describe('configs as large as Docker allows', () => {
  it('arrive whole, many at once', async () => {
    const count = 10;
    const names = Array.from({ length: count }, (_, index) => `c${index}`);
    const contents = names.map((name) => {
      const text = randomBytes(375_000).toString('hex').slice(0, 749_990) + name;
      test.file(`${name}.txt`, text);
      return text;
    });
    await test.deploy('large', `
services:
  box:
    image: shoal/busybox:1
    command: [sleep, '1000']
    stop_grace_period: 100ms
    deploy: { replicas: 4 }
    configs: [${names.join(', ')}]
configs:
${names.map((name) => `  ${name}: { file: ./${name}.txt }`).join('\n')}
`);
    for (const task of await test.untilRunning('large_box', 4)) {
      for (const [index, name] of names.entries()) expect(await must(test.inside(task, ['tail', '-c', '100', `/${name}`]))).toBe(contents[index]!.slice(-100));
    }
    const result = await test.tryDeploy('large', 'services: { box: { image: shoal/busybox:1 } }', '--prune');
    expect(result.output).not.toMatch(/Error/);
    await test.remove('large');
  });

  it('larger ones are refused, with the limit', async () => {
    test.file('huge.txt', 'x'.repeat(1_100_000));
    const result = await test.tryDeploy('huge', `services: { box: { image: shoal/busybox:1, configs: [huge] } }\nconfigs: { huge: { file: ./huge.txt } }`);
    expect(result.status).not.toBe(0);
    expect(result.output).toMatch(/huge.*1100000 bytes; less than 1024000 are allowed/s);
    expect(await test.get<unknown[]>('/configs')).toEqual([]);
    expect(await test.get<unknown[]>('/services')).toEqual([]);
  });

  it('a secret too', async () => {
    test.file('huge.txt', 'x'.repeat(600_000));
    const result = await test.tryDeploy('huge', `services: { box: { image: shoal/busybox:1, secrets: [huge] } }\nsecrets: { huge: { file: ./huge.txt } }`);
    expect(result.status).not.toBe(0);
    expect(result.output).toMatch(/huge.*600000 bytes; less than 512000 are allowed/s);
    expect(await test.get<unknown[]>('/secrets')).toEqual([]);
  });
});
