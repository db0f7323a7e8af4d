import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { httpGet } from '../harness/api.js';
import { distDir, prefix, useCluster } from '../harness/fixture.js';
import { until } from '../harness/wait.js';
import { startDockerRegistry } from '../harness/docker-registry.js';
import { garbage, imageWithLayer, startScriptedRegistry, status, type Answer, type ScriptedRegistry } from './scripted-registry.js';

const machine = `${prefix}.254`;
const registryAddress = `${machine}:5000`;
const image = `${registryAddress}/team/whoami:1`;
// The nodes know no image from the start: all of them must come from the registry.
const test = useCluster({ nodes: 2, agentArgs: ['--insecure-registry', registryAddress], imageArchives: [] });

/** What the image stores and the containers' folders of all nodes hold. */
function onDisk(): string[] {
  return test.cluster.hosts.flatMap(({ name, runDir, stateDir }) =>
    [join(runDir, 'agent/containers'), ...['writable', 'images/blobs/sha256', 'images/layers', 'images/tmp'].map((dir) => join(stateDir, 'agent', dir))].flatMap((dir) => readdirSync(dir).map((entry) => `${name} ${dir}/${entry}`)),
  );
}

async function expectNothingHalfMade(before: string[]): Promise<void> {
  await until('the nodes hold what they held before', async () => {
    expect(onDisk()).toEqual(before);
    for (const host of test.cluster.hosts) {
      const namespaces = readdirSync(join(host.runDir, 'agent/network/netns'));
      expect(namespaces.filter((name) => name !== 'mesh')).toEqual([]);
    }
    return true;
  });
}

const stack = (extra = '') => `
services:
  web:
    image: ${image}
    ports: ['4300:80']
    deploy: { replicas: 2${extra} }
`;

describe('a registry that misbehaves', () => {
  let registry: ScriptedRegistry;
  afterEach(async () => {
    await registry.stop();
  });

  const layer = Buffer.alloc(10_240);
  const wrongLayer = Buffer.alloc(10_240, 'x');
  const cases: [string, Answer, RegExp][] = [
    ['401', status(401, 'UNAUTHORIZED', 'authentication required'), /answers 401.*login/s],
    ['403', status(403, 'DENIED', 'requested access is denied'), /answers 403.*requested access is denied/s],
    ['404', status(404, 'MANIFEST_UNKNOWN', 'manifest unknown'), /answers 404.*check its name and tag/s],
    ['500', status(500), /answers 500/],
    ['garbage', garbage('<html>it works!</html>'), /cannot be pulled.*manifest/s],
    ['a layer with another digest', imageWithLayer({ promised: layer, sent: wrongLayer }), /cannot be pulled.*(digest|sha256)/s],
    ['a layer cut short', imageWithLayer({ promised: layer, sent: layer.subarray(0, 5_000) }), /cannot be pulled/],
    ['a layer that is no archive', imageWithLayer({ promised: wrongLayer, sent: wrongLayer }), /cannot be pulled.*(tar|archive|header)/s],
  ];
  async function expectClearFailure(answer: Answer, message: RegExp, extra: string): Promise<void> {
    registry = await startScriptedRegistry(machine, 5000);
    registry.answer = answer;
    const before = onDisk();
    const result = await test.tryDeploy('bad', stack(extra));
    expect(result.output).toMatch(message);
    expect(result.output).toContain(image);
    expect(result.status).toBe(1);
    expect(result.durationMs).toBeLessThan(30_000);
    await test.remove('bad');
    await expectNothingHalfMade(before);
  }

  it.each(cases)('that answers %s: one clear message within seconds, nothing half-made', (_what, answer, message) => expectClearFailure(answer, message, ', restart_policy: { condition: none }'));

  it.each(cases.filter(([what]) => ['401', '500', 'a layer with another digest'].includes(what)))('that answers %s, however often the task is tried again', (_what, answer, message) =>
    expectClearFailure(answer, message, ''),
  );

  it('that hangs in the middle of a layer: the removal of the stack ends the pull, and nothing stays', async () => {
    registry = await startScriptedRegistry(machine, 5000);
    registry.answer = imageWithLayer({ promised: layer, sent: layer.subarray(0, 5_000), hangs: true });
    const before = onDisk();
    const result = await test.tryDeploy('bad', stack(), '--timeout', '2s');
    expect(result.status).toBe(3);
    expect(result.output).toMatch(/preparing/);
    const startedMs = performance.now();
    await test.remove('bad');
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    await expectNothingHalfMade(before);
  });

  it('that is not there', async () => {
    registry = { answer: status(404), stop: async () => undefined };
    const result = await test.tryDeploy('bad', stack());
    expect(result.output).toMatch(/ECONNREFUSED/);
    expect(result.output).toContain(image);
    expect(result.status).toBe(1);
    await test.remove('bad');
    await expectNothingHalfMade([]);
  });
});

describe('a private registry', () => {
  it('serves the images of a stack, once per node, and a failed pull before does no harm', async () => {
    const registry = await startDockerRegistry(registryAddress);
    try {
      await registry.push(`oci-archive:${join(distDir, 'images/whoami-1.tar')}`, 'team/whoami:1');
      await test.deploy('reg', stack());
      await test.untilRunning('reg_web', 2);
      for (const host of test.cluster.hosts) {
        expect((await httpGet(`http://${host.address}:4300/`)).body).toContain('reg_web.');
        expect(readdirSync(join(host.stateDir, 'agent/images/tmp'))).toEqual([]);
      }
    } finally {
      await registry.stop();
    }
    // What a node has, it needs no registry for.
    await test.deploy('reg', stack().replace('replicas: 2', 'replicas: 6'));
    await test.untilRunning('reg_web', 6);
    await test.remove('reg');
  });
});
