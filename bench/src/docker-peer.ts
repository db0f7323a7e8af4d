import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Host } from '../../e2e/harness/host.js';
import { endProcess, isAlive, recordProcess } from '../../e2e/harness/process.js';
import { must, run, startDetached } from '../../e2e/harness/run.js';
import { addHost, createUnderlay, destroyUnderlay, type Underlay } from '../../e2e/harness/underlay.js';
import { until } from '../../e2e/harness/wait.js';
import type { Peer } from './peer.js';

const underlay: Underlay = { name: 'sh-docker', prefix: '172.30.82' };
const dir = '/var/lib/shoal-bench-docker';
const cgroupParent = 'sh-docker';

/** Debian's dockerd as a swarm of one, on a host of its own made as Shoal's hosts are. */
export async function startDocker(imageArchive: string): Promise<Peer> {
  await destroyUnderlay(underlay);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  await createUnderlay(underlay);
  const address = `${underlay.prefix}.11`;
  await addHost(underlay, 'node-1', address);
  const holder = await Host.hold(underlay, 'node-1', dir);
  const enter = (argv: string[]) => ['nsenter', '-t', String(holder.pid), '--mount', '--net', '--', ...argv];
  const socket = join(dir, 'docker.sock');
  const flags = ['--data-root', join(dir, 'data'), '--exec-root', join(dir, 'exec'), '--pidfile', join(dir, 'docker.pid'), '-H', `unix://${socket}`, '--cgroup-parent', cgroupParent];
  const daemon = recordProcess(startDetached(enter(['dockerd', ...flags]), join(dir, 'dockerd.log')));
  const docker = (...args: string[]) => must(['docker', ...args], { env: { DOCKER_HOST: `unix://${socket}` }, deadlineMs: 60_000 });
  await until('dockerd answers', async () => existsSync(socket) && (await run(['docker', 'version'], { env: { DOCKER_HOST: `unix://${socket}` } })).status === 0);
  await docker('swarm', 'init', '--advertise-addr', address);
  const archive = join(dir, 'whoami.tar');
  await must(['skopeo', 'copy', '--insecure-policy', `oci-archive:${imageArchive}`, `docker-archive:${archive}:shoal/whoami:1`]);
  await docker('load', '-i', archive);
  return {
    name: 'Docker Swarm',
    socket,
    daemons: async () => processesOf(holder.pid).filter((pid) => /^(dockerd|containerd|containerd-shim|docker-proxy)/.test(commandOf(pid))),
    async stop() {
      await endProcess(daemon, 30_000);
      await until('docker’s children are gone', async () => {
        for (const pid of processesOf(holder.pid)) if (pid !== holder.pid) killIfAlive(pid);
        return processesOf(holder.pid).every((pid) => pid === holder.pid);
      });
      if (isAlive(holder)) await endProcess(holder, 0);
      await Host.release(dir);
      await destroyUnderlay(underlay);
      rmSync(dir, { recursive: true, force: true });
      // dockerd makes it and leaves it.
      for (const tree of readdirSync('/sys/fs/cgroup')) {
        const group = join('/sys/fs/cgroup', tree, cgroupParent);
        if (existsSync(group)) rmdirSync(group);
      }
    },
  };
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Every process in the network namespace of `pid`: that host's daemons and monitors; containers have their own. */
function processesOf(pid: number): number[] {
  const own = linkOf(pid);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && own !== undefined && linkOf(name) === own)
    .map(Number);
}

function linkOf(pid: number | string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
