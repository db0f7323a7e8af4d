import { readFileSync } from 'node:fs';
import { availableParallelism, hostname, release, totalmem } from 'node:os';
import type { NodeDescription } from '../../../libs/model/src/index.js';
import { isErrno, version } from '../../../libs/base/src/index.js';
import { hostRoutes } from '../../../libs/network/src/host-routes.js';
import type { NodeFacts, NodeResource } from '../../../libs/worker/src/index.js';

const architectures: Record<string, string> = { x64: 'x86_64', arm64: 'aarch64', arm: 'armv7l', ia32: 'i686' };

/** What this host is and has, as the scheduler and `node inspect` see it. */
export function describeHost(options: { hostname?: string; labels: Record<string, string>; generic: readonly NodeResource[] }): NodeDescription {
  return {
    hostname: options.hostname ?? hostname(),
    os: 'linux',
    architecture: architectures[process.arch] ?? process.arch,
    nanoCpus: availableParallelism() * 1e9,
    memoryBytes: totalmem(),
    generic: options.generic.map(({ kind, value }) => ({ kind, value })),
    engineVersion: version,
    engineLabels: options.labels,
    kernelVersion: release(),
    osName: osName(),
    routes: hostRoutes(),
  };
}

/** A random id of this boot: tells a restarted host from a restarted agent. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function osName(): string {
  const match = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'));
  return match?.[1] ?? 'Linux';
}

/** What a container on the host's network finds in its resolv.conf and hosts file: what the host has. */
export function hostNames(): Pick<NodeFacts, 'hostResolver' | 'hostLines'> {
  const resolv = linesOf('/etc/resolv.conf').map((line) => line.trim().split(/\s+/));
  const of = (key: string) => resolv.filter(([first]) => first === key).flatMap(([, ...words]) => words);
  const hostLines = linesOf('/etc/hosts').filter((line) => /^\s*[0-9a-fA-F]/.test(line) && !/^\s*(?:127\.0\.0\.1|::1|f[ef]0[02]::[0-2]?)\s/.test(line));
  return { hostResolver: { nameservers: of('nameserver'), search: of('search'), options: of('options') }, hostLines };
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
