import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { Refused } from '../../base/src/index.js';
import type { Mount } from '../../model/src/index.js';
import type { ContainerRequest } from './runtime.js';
import { volumeNamePattern } from './volumes/volumes.js';

/** A mount that the user or the image asked for, before its source is looked at. */
export type UserMount = Extract<Mount, { type: 'bind' | 'volume' | 'tmpfs' }> & { anonymous?: boolean };

type VolumeMount = Extract<Mount, { type: 'volume' }>;

/** What may lie over procfs, as runtimes agree (lxcfs lives there). */
const coverableProc = new Set(['cpuinfo', 'diskstats', 'meminfo', 'stat', 'swaps', 'uptime', 'loadavg', 'slabinfo', 'sys/kernel/ns_last_pid'].map((name) => `/proc/${name}`));

/** The service's mounts, then an anonymous volume for each VOLUME of the image that nothing else covers; parents before children. */
export function planUserMounts({ id, spec, image }: ContainerRequest): UserMount[] {
  const mounts = spec.mounts.map((mount) => checkMount(mount, id));
  refuseDoubles(mounts);
  const taken = new Set(mounts.map(({ target }) => target));
  for (const path of image.volumes) {
    const target = cleanTarget(path);
    if (!taken.has(target)) mounts.push(anonymousVolume({ type: 'volume', source: '', target }, id));
    taken.add(target);
  }
  return mounts.sort((a, b) => depth(a.target) - depth(b.target));
}

function checkMount(mount: Mount, id: string): UserMount {
  const target = cleanTarget(mount.target);
  switch (mount.type) {
    case 'tmpfs':
      return { ...mount, target };
    case 'bind':
      if (mount.source.startsWith('/')) return { ...mount, target };
      throw new Refused('invalid', `invalid mount config for type "bind": the source "${mount.source}" is not an absolute path`);
    case 'volume':
      return checkVolume({ ...mount, target }, id);
    default:
      throw new Refused('unsupported', `invalid mount config for ${target}: mounts of type "${mount.type}" are not supported`);
  }
}

function checkVolume(mount: VolumeMount, id: string): UserMount {
  const { target, source } = mount;
  if (!source) return anonymousVolume(mount, id);
  if (!volumeNamePattern.test(source)) throw new Refused('invalid', `invalid mount config for ${target}: "${source}" is no volume name`);
  return mount;
}

function anonymousVolume(mount: VolumeMount, id: string): UserMount {
  return { ...mount, source: createHash('sha256').update(`${id} ${mount.target}`).digest('hex'), anonymous: true };
}

/** CVE-2019-16884: what lies over /proc could tell the runtime anything. */
function cleanTarget(path: string): string {
  if (!path.startsWith('/')) throw new Refused('invalid', `invalid mount target "${path}": it is not absolute`);
  const target = posix.normalize(path).replace(/(?<=.)\/$/, '');
  if (target === '/') throw new Refused('invalid', `invalid mount target "${path}": nothing can be mounted over the root`);
  if ((target === '/proc' || target.startsWith('/proc/')) && !coverableProc.has(target)) {
    throw new Refused('forbidden', `invalid mount target "${path}": it is inside /proc, which nothing may cover`);
  }
  return target;
}

export function mayCoverProc(target: string): boolean {
  return coverableProc.has(target);
}

function refuseDoubles(mounts: readonly UserMount[]): void {
  const seen = new Set<string>();
  for (const { target } of mounts) {
    if (seen.has(target)) throw new Refused('invalid', `duplicate mount point: ${target}`);
    seen.add(target);
  }
}

function depth(path: string): number {
  return path.split('/').length;
}
