import { Agent, request } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { ApiTask } from '../harness/api.js';
import { useCluster } from '../harness/fixture.js';
import { until } from '../harness/wait.js';

const test = useCluster({ nodes: 3 });
const ids = (tasks: ApiTask[]) => tasks.map(({ ID }) => ID).sort();

describe('deploys of one stack at the same time', () => {
  it('with the same file end alike, with everything made once', async () => {
    test.file('token.txt', 'x');
    const path = test.file('twin.yml', `
services:
  web: { image: 'shoal/whoami:1', ports: ['5000:80'], networks: [net], secrets: [token], deploy: { replicas: 3 } }
networks: { net: }
secrets: { token: { file: ./token.txt } }
`);
    const results = await Promise.all([1, 2, 3].map(() => test.cluster.shoal(['stack', 'deploy', '-c', path, 'twin'], { deadlineMs: 60_000 })));
    for (const result of results) expect(result, result.stdout + result.stderr).toMatchObject({ status: 0 });
    expect(await test.untilRunning('twin_web', 3)).toHaveLength(3);
    expect((await test.tasks('twin_web')).length).toBe(3);
    expect(await test.get<unknown[]>('/services')).toHaveLength(1);
    expect((await test.get<{ Name: string }[]>('/networks')).filter(({ Name }) => Name === 'twin_net')).toHaveLength(1);
    expect(await test.get<unknown[]>('/secrets')).toHaveLength(1);
    await test.remove('twin');
  });

  it('of many stacks at once all converge', async () => {
    const stacks = Array.from({ length: 6 }, (_, index) => `many${index}`);
    const compose = (index: number) => `services:\n  web: { image: 'shoal/whoami:1', ports: ['${5100 + index}:80'], deploy: { replicas: 3 } }\n  box: { image: 'shoal/busybox:1', command: [sleep, '1000'], stop_grace_period: 100ms }`;
    await Promise.all(stacks.map((stack, index) => test.deploy(stack, compose(index))));
    expect(await test.get<unknown[]>('/services')).toHaveLength(12);
    const all = await test.get<ApiTask[]>('/tasks');
    const addresses = all.flatMap(({ NetworksAttachments }) => (NetworksAttachments ?? []).flatMap((attachment) => attachment.Addresses));
    expect(new Set(addresses).size).toBe(addresses.length);
    await Promise.all(stacks.map((stack) => test.remove(stack)));
    expect(await test.get<unknown[]>('/services')).toEqual([]);
  });
});

describe('a changed file', () => {
  it('--prune removes the services that it no longer has, and only with it', async () => {
    const box = "{ image: 'shoal/busybox:1', command: [sleep, '1000'], stop_grace_period: 100ms }";
    await test.deploy('prune', `services: { a: ${box}, b: ${box} }`);
    const before = ids(await test.untilRunning('prune_a', 1));
    await test.deploy('prune', `services: { a: ${box} }`);
    expect(await test.get<unknown[]>('/services')).toHaveLength(2);
    const dry = await test.tryDeploy('prune', `services: { a: ${box} }`, '--prune', '--dry-run');
    expect(dry.output).toMatch(/prune_b/);
    expect(await test.get<unknown[]>('/services')).toHaveLength(2);
    const result = await test.tryDeploy('prune', `services: { a: ${box} }`, '--prune');
    expect(result.status, result.output).toBe(0);
    expect((await test.get<{ Spec: { Name: string } }[]>('/services')).map(({ Spec }) => Spec.Name)).toEqual(['prune_a']);
    expect(ids(await test.untilRunning('prune_a', 1))).toEqual(before);
    await test.remove('prune');
  });

  it('of one service leaves the connections of another alone', async () => {
    const compose = (image: string, replicas: number) => `
services:
  steady: { image: 'shoal/whoami:1', ports: ['5200:80'], deploy: { replicas: ${replicas} } }
  changing: { image: '${image}', ports: ['5201:80'], deploy: { replicas: 4, update_config: { parallelism: 2, delay: 0s, monitor: 100ms } } }
`;
    await test.deploy('conn', compose('shoal/whoami:1', 3));
    const agents = test.cluster.hosts.map((host) => ({ url: `http://${host.address}:5200/`, agent: new Agent({ keepAlive: true, maxSockets: 1 }), ports: new Set<number>() }));
    const ask = ({ url, agent, ports }: (typeof agents)[number]) =>
      new Promise<void>((resolve, reject) => {
        const call = request(url, { agent, timeout: 5_000 }, (response) => {
          ports.add(response.socket.localPort!);
          response.resume().on('end', resolve);
        });
        call.on('timeout', () => call.destroy(new Error(`${url}: no answer`)));
        call.on('error', reject).end();
      });
    let going = true;
    const asking = (async () => {
      while (going) {
        await Promise.all(agents.map(ask));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    await test.deploy('conn', compose('shoal/whoami:2', 3));
    await test.deploy('conn', compose('shoal/whoami:2', 6));
    going = false;
    await asking;
    for (const { agent, ports } of agents) {
      expect(ports.size).toBe(1);
      agent.destroy();
    }
    await test.remove('conn');
  });
});

describe('an interrupted deploy', () => {
  it('that times out goes on in the background', async () => {
    const result = await test.tryDeploy('slow', `services: { web: { image: shoal/busybox:1, command: [sh, -c, 'sleep 3; touch /ok; sleep 1000'], stop_grace_period: 100ms, healthcheck: { test: [CMD, test, -e, /ok], interval: 200ms, retries: 100, timeout: 1s } } }`, '--timeout', '1s');
    expect(result.status).toBe(3);
    expect(result.output).toMatch(/in background/);
    await until('it has converged by itself', async () => (await test.running('slow_web')).length === 1);
    await test.remove('slow');
  });
});
