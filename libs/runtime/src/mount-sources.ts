import { mkdirSync, readdirSync, statSync, type Stats } from 'node:fs';
import { isErrno, Refused } from '../../base/src/index.js';
import { isAtLeast, type HostFacts } from './host-facts.js';
import type { BindMount, MountSource } from './container-config.js';
import { mayCoverProc, type UserMount } from './user-mounts.js';
import { tmpfsMount } from './volumes/tmpfs-options.js';
import { openSubpath } from './volumes/volume-path.js';
import type { Volumes } from './volumes/volumes.js';

/** Looks at the sources of mounts on this machine, and makes and mounts missing volumes. */
export class MountSources {
  constructor(
    readonly volumes: Volumes,
    readonly facts: HostFacts,
  ) {}

  async resolve(mount: UserMount): Promise<MountSource> {
    if (mount.type === 'tmpfs') return { mount: tmpfsMount(mount) };
    if (mount.type === 'volume') return this.#volume(mount);
    return { mount: this.#bind(mount) };
  }

  async #volume(mount: Extract<UserMount, { type: 'volume' }>): Promise<MountSource> {
    const { source: name, driver, labels, anonymous = false, subpath } = mount;
    const wish = { name, options: driver?.options ?? {}, anonymous, ...(labels && { labels }), ...(driver?.name && { driver: driver.name }) };
    const { volume, isNew } = this.volumes.ensure(wish);
    try {
      await this.volumes.mount(volume);
      const place = subpath ? openSubpath(name, volume.mountPoint, subpath) : { path: volume.mountPoint, namespace: undefined, isDirectory: true, release: () => undefined };
      const copyUp = !mount.noCopy && place.isDirectory && readdirSync(place.path).length === 0;
      return {
        mount: {
          ...this.#bindOf(place.path, mount.target, place.isDirectory, { readOnly: mount.readOnly ?? false, propagation: 'rprivate', recursive: true, copyUp }),
          ...(place.namespace && { sourceNamespace: place.namespace }),
        },
        volume: name,
        isNew,
        release: place.release,
        ...(anonymous ? { anonymous: true } : {}),
      };
    } catch (error) {
      if (isNew) await this.volumes.remove(name);
      throw error;
    }
  }

  #bind(mount: Extract<UserMount, { type: 'bind' }>): BindMount {
    const stats = statSource(mount.source) ?? (mount.createMountpoint ? makeSource(mount.source) : undefined);
    if (!stats) throw new Refused('not-found', `invalid mount config for type "bind": bind source path does not exist: ${mount.source}`);
    return this.#bindOf(mount.source, mount.target, stats.isDirectory(), {
      readOnly: mount.readOnly ?? false,
      propagation: checkPropagation(mount.propagation),
      recursive: !mount.nonRecursive,
      copyUp: false,
      ...readOnlyDepth(mount, this.facts),
    });
  }

  #bindOf(source: string, target: string, isDirectory: boolean, rest: Pick<BindMount, 'readOnly' | 'propagation' | 'recursive' | 'copyUp'> & { readOnlyRecursive?: boolean }): BindMount {
    const readOnlyRecursive = rest.readOnly && isAtLeast(this.facts.kernel, 5, 12);
    return { kind: 'bind', source, target, isDirectory, readOnlyRecursive, mayBeProc: mayCoverProc(target), replaceSymlink: false, ...rest };
  }
}

function statSource(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw new Refused('invalid', `invalid mount config for type "bind": cannot examine ${path}`, { cause: error });
  }
}

function makeSource(path: string): Stats {
  mkdirSync(path, { recursive: true, mode: 0o755 });
  return statSync(path);
}

function checkPropagation(given: string | undefined): BindMount['propagation'] {
  const known = ['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared'] as const;
  const propagation = known.find((name) => name === (given || 'rprivate'));
  if (!propagation) throw new Refused('invalid', `invalid mount propagation "${given}"; known are ${known.join(', ')}`);
  return propagation;
}

/** As Docker: a read-only mount is so for all below it where the kernel can, unless the user wants less, or insists. */
function readOnlyDepth({ target, readOnly, readOnlyNonRecursive, readOnlyForceRecursive }: Extract<UserMount, { type: 'bind' }>, { kernel }: HostFacts): { readOnlyRecursive?: boolean } {
  if (readOnlyForceRecursive && !isAtLeast(kernel, 5, 12)) throw new Refused('unsupported', `mount ${target}: this kernel cannot make a mount read-only with all below it`);
  return readOnly && readOnlyNonRecursive ? { readOnlyRecursive: false } : {};
}
