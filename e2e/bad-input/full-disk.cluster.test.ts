import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDockerRegistry, type DockerRegistry } from '../harness/docker-registry.js';
import { distDir, prefix, useCluster } from '../harness/fixture.js';
import { until } from '../harness/wait.js';

const registryAddress = `${prefix}.254:5000`;
const test = useCluster({ nodes: 2, agentArgs: ['--insecure-registry', registryAddress], imageArchives: [] });
let registry: DockerRegistry;

beforeAll(async () => {
  registry = await startDockerRegistry(registryAddress);
  await registry.push(`oci-archive:${join(distDir, 'images/whoami-1.tar')}`, 'whoami:1');
  const host = test.cluster.host('node-2');
  await host.stop('agent');
  await host.must(['mount', '-t', 'tmpfs', '-o', 'size=600k', 'tmpfs', join(host.stateDir, 'agent/images')]);
  await host.must(['cp', join(distDir, 'images/whoami-1.tar'), join(host.stateDir, 'preload')]);
  test.cluster.startAgent(host);
  await until('its agent is ready', async () => host.logTail('agent', 20_000).split('"agent-ready"').length > 2);
});
afterAll(() => registry?.stop());

const compose = (node: string, extra = '') => `services:\n  web:\n    image: ${registryAddress}/whoami:1\n    deploy: { placement: { constraints: [node.hostname == ${node}] }${extra} }`;

describe('a node whose disk is full', () => {
  it('rejects the task, naming the disk; nothing half-made stays', async () => {
    const host = test.cluster.host('node-2');
    for (const extra of ['', ', restart_policy: { condition: none }']) {
      const result = await test.tryDeploy('full', compose('node-2', extra));
      expect(result.output).toMatch(/no space left/);
      expect(result.output).toContain(`${registryAddress}/whoami:1`);
      expect(result.status).toBe(1);
      expect(result.durationMs).toBeLessThan(30_000);
      await test.remove('full');
      const images = join(host.stateDir, 'agent/images');
      const left = await host.must(['sh', '-c', `ls ${images}/tmp ${images}/layers; ls ${join(host.runDir, 'agent/containers')}`]);
      expect(left).not.toMatch(/^[0-9a-f]{12,}/m);
    }
  });

  it('harms nobody else, and takes tasks when there is room again', async () => {
    await test.deploy('other', compose('node-1'));
    await test.untilRunning('other_web', 1);
    const host = test.cluster.host('node-2');
    await host.must(['mount', '-o', 'remount,size=64m', join(host.stateDir, 'agent/images')]);
    await test.deploy('room', compose('node-2'));
    await test.untilRunning('room_web', 1);
    expect(readdirSync(join(host.runDir, 'agent/containers'))).toHaveLength(1);
    await test.remove('room');
    await test.remove('other');
  });
});
