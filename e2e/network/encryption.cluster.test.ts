import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { useCluster } from '../harness/fixture.js';
import { must } from '../harness/run.js';
import { until } from '../harness/wait.js';

const lifetimeMs = 12_000;
const test = useCluster({ nodes: 2, agentArgs: ['--key-lifetime', `${lifetimeMs / 1000}s`] });
const folder = mkdtempSync(join(tmpdir(), 'shoal-wire-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Answers whatever it hears with the same. */
const echo = "nc -ll -p 7000 -e cat";

const stack = `
services:
  vault:
    image: shoal/busybox:1
    command: [sh, -c, '${echo}']
    deploy: { placement: { constraints: [node.hostname == node-2] } }
    networks: [sealed, open]
  client:
    image: shoal/busybox:1
    command: [sleep, '1000']
    deploy: { placement: { constraints: [node.hostname == node-1] } }
    networks: [sealed, open]
networks:
  sealed: { driver_opts: { encrypted: 'true' } }
  open: {}
`;

it('keeps what is said in an encrypted network of a stack from the wire, also while keys are replaced', async () => {
  await test.deploy('seal', stack);
  const [client] = await test.untilRunning('seal_client', 1);
  const [vault] = await test.untilRunning('seal_vault', 1);
  const networks = JSON.parse(await must(['docker', 'network', 'inspect', 'seal_sealed', 'seal_open'], { env: { DOCKER_HOST: `unix://${test.cluster.manager.socketPath}` } })) as { Id: string; Options: Record<string, string> }[];
  expect(networks[0]!.Options.encrypted).toBe('true');
  const addressIn = (id: string) => vault!.NetworksAttachments!.find(({ Network }) => Network.ID === id)!.Addresses[0]!.split('/')[0]!;

  const stopCapture = await capture();
  const say = (address: string, text: string) => must(test.inside(client!, ['sh', '-c', `echo ${text} | nc -w 3 ${address} 7000`]));
  await until('the encrypted network carries', async () => (await say(addressIn(networks[0]!.Id), 'canary-sealed').catch(() => '')).includes('canary-sealed'));
  await until('the plain network carries', async () => (await say(addressIn(networks[1]!.Id), 'canary-in-clear').catch(() => '')).includes('canary-in-clear'));

  // The manager carries the new keys from node to node while connections come and go.
  const first = await keysOfNodes();
  expect(first).toHaveLength(2);
  await until('every node has another key, and one only', async () => {
    expect(await say(addressIn(networks[0]!.Id), 'canary-sealed')).toContain('canary-sealed');
    const now = await keysOfNodes();
    return now.length === 2 && now.every((key) => !first.includes(key));
  }, { deadlineMs: 60_000, everyMs: 500 });

  const seen = await stopCapture();
  expect(seen).toContain('canary-in-clear');
  expect(seen).not.toContain('canary-sealed');
  await test.remove('seal');
});

/** The private keys of both nodes, as they hold them. */
async function keysOfNodes(): Promise<string[]> {
  return ['node-1', 'node-2'].flatMap((name) => {
    const host = test.cluster.host(name);
    return (JSON.parse(readFileSync(join(host.runDir, 'agent/network/encryption/keys.json'), 'utf8')) as { privateKey: string }[]).map(({ privateKey }) => privateKey);
  });
}

/** Reads all that leaves and reaches node-1 by its link; the returned function ends it and gives it as text. */
async function capture(): Promise<() => Promise<string>> {
  const file = join(folder, 'wire');
  const { pid } = test.cluster.host('node-1').record.holder;
  const child = spawn('nsenter', ['-t', String(pid), '-n', '--', 'tcpdump', '-i', 'eth0', '--immediate-mode', '-U', '-w', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  await new Promise((resolve, reject) => {
    child.stderr.once('data', resolve); // it listens
    child.once('error', reject);
  });
  return async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    return readFileSync(file, 'latin1');
  };
}
