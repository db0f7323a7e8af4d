import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Host } from '../harness/host.js';
import { clusterName, useCluster } from '../harness/fixture.js';
import { until } from '../harness/wait.js';

const test = useCluster({ nodes: 2 });

const stack = `
services:
  web:
    image: shoal/whoami:1
    deploy: { replicas: 6 }
    ports: ['4100:80']
    networks: [net]
    secrets: [token]
    configs: [settings]
    volumes: ['data:/data']
networks: { net: }
volumes: { data: }
secrets: { token: { file: ./token.txt } }
configs: { settings: { file: ./settings.txt } }
`;

/** Everything a host's kernel holds for containers, as lines that can be compared. */
async function kernelObjects(host: Host): Promise<Record<string, string[]>> {
  const lines = async (argv: string[]) => (await host.must(argv)).split('\n').filter(Boolean);
  const links = async (argv: string[]) => (await lines(argv)).map((line) => line.split(' ')[0]!).sort();
  const mesh = join(host.runDir, 'agent/network/netns/mesh');
  const namespaces = join(host.runDir, 'agent/network/netns');
  return {
    links: await links(['ip', '-br', 'link']),
    meshLinks: await links(['nsenter', `--net=${mesh}`, 'ip', '-br', 'link']),
    meshRoutes: await lines(['nsenter', `--net=${mesh}`, 'ip', 'route', 'show', 'table', 'all']),
    rules: await lines(['nft', 'list', 'ruleset']),
    meshRules: await lines(['nsenter', `--net=${mesh}`, 'nft', 'list', 'ruleset']),
    namespaces: readdirSync(namespaces).sort(),
    // The machine's own namespaces, which every host sees mounted, may be others' at work.
    mounts: (await lines(['cat', '/proc/self/mounts'])).map((line) => line.split(' ').slice(0, 3).join(' ')).filter((line) => !line.includes(' /run/netns/')).sort(),
    cgroups: cgroupsOf(host.cgroupParent),
    shims: shimsOf(host).map(String),
    containers: readdirSync(join(host.runDir, 'agent/containers')).sort(),
  };
}

function cgroupsOf(parent: string): string[] {
  const roots = ['/sys/fs/cgroup', ...readdirSync('/sys/fs/cgroup').map((name) => join('/sys/fs/cgroup', name))];
  return roots
    .map((root) => join(root, parent))
    .filter((path) => existsSync(path))
    .flatMap((path) => readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => join(path, entry.name)))
    .sort();
}

/** Processes of the host that watch over a container: the launcher they come from is a process of the same program. */
function shimsOf(host: Host): number[] {
  const own = readlinkSync(`/proc/${host.record.holder.pid}/ns/net`);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/ns/net`) === own && readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('shoal-shim');
      } catch {
        return false; // it ended meanwhile
      }
    });
}

async function etcdKeys(): Promise<string[]> {
  const manager = test.cluster.manager;
  const file = (name: string) => join(manager.stateDir, 'manager', name);
  const out = await manager.must(
    ['etcdctl', '--endpoints', 'https://127.0.0.1:2379', '--cacert', file('etcd-ca.crt'), '--cert', file('etcd.crt'), '--key', file('etcd.key'), 'get', '/', '--prefix', '--keys-only'],
    { env: { ETCDCTL_API: '3' } },
  );
  return out.split('\n').filter(Boolean).sort();
}

describe('shoal stack rm', () => {
  it('leaves no container, mount, cgroup, namespace, link, rule or record', async () => {
    test.file('token.txt', 'secret');
    test.file('settings.txt', 'a=b');
    // Once before: what a node makes for the whole cluster at its first task is not the stack's.
    await test.deploy('first', stack);
    await test.remove('first');
    const before = await until('the first stack is gone from the kernel', async () => {
      const objects = await Promise.all(test.cluster.hosts.map(kernelObjects));
      return objects.every(({ containers, cgroups, shims }) => containers!.length + cgroups!.length === 0 && shims!.length === 1) && objects;
    });
    const keysBefore = await etcdKeys();

    await test.deploy('again', stack);
    const during = await Promise.all(test.cluster.hosts.map(kernelObjects));
    for (const objects of during) {
      expect(objects['containers']!.length).toBe(3);
      expect(objects['cgroups']!.length).toBeGreaterThan(0);
    }
    expect((await etcdKeys()).length).toBeGreaterThan(keysBefore.length);

    await test.remove('again');
    await until('the kernel is as it was before', async () => {
      const after = await Promise.all(test.cluster.hosts.map(kernelObjects));
      expect(after).toEqual(before);
      return true;
    });
    expect(await etcdKeys()).toEqual(keysBefore);
  });

  it('keeps the machine clean when the whole cluster goes', async () => {
    const parents = test.cluster.hosts.map((host) => host.cgroupParent);
    await test.deploy('third', stack.replace('4100', '4101'));
    await test.cluster.down();
    for (const parent of parents) expect(cgroupsOf(parent)).toEqual([]);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(`/var/lib/shoal-clusters/${clusterName}/`);
    expect(readdirSync('/run/netns').filter((name) => name.startsWith(`sh-${clusterName}-`))).toEqual([]);
  });
});
