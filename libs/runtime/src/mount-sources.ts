import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { isErrno, Refused } from '../../base/src/index.js';
import { isAtLeast, type HostFacts } from './host-facts.js';
import type { BindMount, FilesystemMount, MountSource } from './container-config.js';
import { mayCoverProc, type UserMount } from './user-mounts.js';

/** Looks at the sources of mounts on this machine and makes missing volumes. */
export class MountSources {
  constructor(
    readonly volumesDirectory: string,
    readonly facts: HostFacts,
  ) {}

  resolve(mount: UserMount): MountSource {
    if (mount.type === 'tmpfs') return { mount: tmpfsMount(mount) };
    if (mount.type === 'volume') return this.#volume(mount);
    return { mount: this.#bind(mount) };
  }

  removeVolume(name: string): void {
    rmSync(join(this.volumesDirectory, name), { recursive: true, force: true });
  }

  #volume(mount: Extract<UserMount, { type: 'volume' }>): MountSource {
    const source = join(this.volumesDirectory, mount.source, '_data');
    const isNew = !existsSync(source);
    if (isNew) {
      mkdirSync(source, { recursive: true });
      chmodSync(source, 0o755);
    }
    const copyUp = !mount.noCopy && readdirSync(source).length === 0;
    return {
      mount: this.#bindOf(source, mount.target, true, { readOnly: mount.readOnly ?? false, propagation: 'rprivate', recursive: true, copyUp }),
      volume: mount.source,
      isNew,
      ...(mount.anonymous ? { anonymous: true } : {}),
    };
  }

  #bind(mount: Extract<UserMount, { type: 'bind' }>): BindMount {
    const stats = statSource(mount.source) ?? (mount.createMountpoint ? makeSource(mount.source) : undefined);
    if (!stats) throw new Refused('not-found', `invalid mount config for type "bind": bind source path does not exist: ${mount.source}`);
    return this.#bindOf(mount.source, mount.target, stats.isDirectory(), {
      readOnly: mount.readOnly ?? false,
      propagation: checkPropagation(mount.propagation),
      recursive: !mount.nonRecursive,
      copyUp: false,
    });
  }

  #bindOf(source: string, target: string, isDirectory: boolean, rest: Pick<BindMount, 'readOnly' | 'propagation' | 'recursive' | 'copyUp'>): BindMount {
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

function tmpfsMount({ target, sizeBytes, mode, readOnly }: Extract<UserMount, { type: 'tmpfs' }>): FilesystemMount {
  const options = ['source=tmpfs'];
  if (sizeBytes) options.push(`size=${sizeBytes}`);
  options.push(`mode=${(mode ?? 0o1777).toString(8)}`);
  return { kind: 'filesystem', type: 'tmpfs', target, options, attributes: ['NOSUID', 'NODEV', 'NOEXEC', ...(readOnly ? (['RDONLY'] as const) : [])] };
}
