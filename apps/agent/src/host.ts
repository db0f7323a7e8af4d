import { readFileSync } from 'node:fs';
import { availableParallelism, hostname, release, totalmem } from 'node:os';
import type { NodeDescription } from '../../../libs/model/src/index.js';
import { version } from '../../../libs/base/src/index.js';

const architectures: Record<string, string> = { x64: 'x86_64', arm64: 'aarch64', arm: 'armv7l', ia32: 'i686' };

/** What this host is and has, as the scheduler and `node inspect` see it. */
export function describeHost(options: { hostname?: string; labels: Record<string, string>; generic: { kind: string; value: number }[] }): NodeDescription {
  return {
    hostname: options.hostname ?? hostname(),
    os: 'linux',
    architecture: architectures[process.arch] ?? process.arch,
    nanoCpus: availableParallelism() * 1e9,
    memoryBytes: totalmem(),
    generic: options.generic,
    engineVersion: version,
    engineLabels: options.labels,
    kernelVersion: release(),
    osName: osName(),
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
