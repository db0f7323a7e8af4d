import { describe, expect, it } from 'vitest';
import { useCluster } from '../harness/fixture.js';

const test = useCluster({ nodes: 1 });

async function deploy(stack: string, compose: string, ...flags: string[]) {
  const result = await test.cluster.shoal(['stack', 'deploy', ...flags, '-c', test.file(`${stack}.yml`, compose), stack], { deadlineMs: 60_000 });
  return { ...result, output: result.stdout + result.stderr };
}

async function expectNothingMade(): Promise<void> {
  expect(await test.get<unknown[]>('/services')).toEqual([]);
  expect((await test.get<{ Name: string }[]>('/networks')).map(({ Name }) => Name)).toEqual(['ingress']);
  expect(await test.get<unknown[]>('/secrets')).toEqual([]);
  expect(await test.get<unknown[]>('/configs')).toEqual([]);
}

describe('a stack file that cannot work', () => {
  it.each([
    ['broken YAML', 'services: {web: [', 65, /bad\.yml:1/],
    ['an unknown key', 'services: {web: {image: shoal/whoami:1, imge: x}}', 65, /imge.*image/s],
    ['a wrong type', 'services: {web: {image: shoal/whoami:1, deploy: {replicas: many}}}', 65, /replicas/],
    ['an unknown network', 'services: {web: {image: shoal/whoami:1, networks: [nowhere]}}', 65, /nowhere/],
    ['a port published twice', "services: {a: {image: shoal/whoami:1, ports: ['80:80']}, b: {image: shoal/whoami:1, ports: ['80:81']}}", 65, /80/],
    ['an external network that does not exist', 'services: {a: {image: shoal/whoami:1, networks: [x]}}\nnetworks: {x: {external: true}}', 1, /x/],
    ['a missing secret file', 'services: {a: {image: shoal/whoami:1, secrets: [s]}}\nsecrets: {s: {file: ./nothere}}', 65, /nothere/],
  ])('%s: one clear message, nothing made', async (_what, compose, status, message) => {
    const result = await deploy('bad', compose);
    expect(result.output).toMatch(message);
    expect(result.status).toBe(status);
    await expectNothingMade();
  });

  it('an image that does not exist is named, with the failing task', async () => {
    const result = await deploy('img', 'services: {a: {image: "127.0.0.1:9/none/such:1", deploy: {restart_policy: {condition: none}}}}', '--timeout', '20s');
    expect(result.status).not.toBe(0);
    expect(result.output).toContain('127.0.0.1:9/none/such:1');
    await test.remove('img');
    await expectNothingMade();
  });

  it('a port that another service publishes is refused with its owner', async () => {
    await test.deploy('one', "services: {a: {image: shoal/whoami:1, ports: ['4200:80']}}");
    const result = await deploy('two', "services: {a: {image: shoal/whoami:1, ports: ['4200:80']}}");
    expect(result.status).not.toBe(0);
    expect(result.output).toMatch(/4200.*one_a/s);
    expect((await test.get<{ Spec: { Name: string } }[]>('/services')).map(({ Spec }) => Spec.Name)).toEqual(['one_a']);
    await test.remove('one');
  });

  it('a task that no node can take says why, with numbers', async () => {
    const result = await deploy('big', "services: {a: {image: shoal/whoami:1, deploy: {resources: {reservations: {cpus: '1000'}}}}}", '--timeout', '3s');
    expect(result.status).toBe(3);
    expect(result.output).toMatch(/insufficient resources on 1 node/);
    await test.remove('big');
  });
});

describe('a wrong name', () => {
  it('is refused with a suggestion', async () => {
    await test.deploy('lab', 'services: {web: {image: shoal/whoami:1}}');
    const result = await test.cluster.shoal(['service', 'ps', 'lab_wbe']);
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/no such service: lab_wbe.*lab_web/s);
    const gone = await test.cluster.shoal(['stack', 'rm', 'lba']);
    expect(gone.status).toBe(1);
    await test.remove('lab');
  });
});
