import { Refused } from '../../../base/src/index.js';
import type { Propagation } from '../container-config.js';
import type { MountAttribute } from '../linux.js';

/** OCI's list of mount options, sorted into what the kernel takes at different places. */
export interface SortedOptions {
  set: Set<MountAttribute>;
  clear: Set<MountAttribute>;
  setRecursive: Set<MountAttribute>;
  clearRecursive: Set<MountAttribute>;
  propagation?: Propagation | 'unbindable' | 'runbindable';
  bind?: 'bind' | 'rbind';
  idMapped?: 'idmap' | 'ridmap';
  copyUp: boolean;
  /** Read-only in the filesystem itself. */
  readOnlyFilesystem: boolean;
  /** The filesystem's own. */
  data: string[];
}

const sets: Record<string, MountAttribute> = {
  ro: 'RDONLY', nosuid: 'NOSUID', nodev: 'NODEV', noexec: 'NOEXEC', noatime: 'NOATIME', nodiratime: 'NODIRATIME',
  strictatime: 'STRICTATIME', relatime: 'RELATIME', nosymfollow: 'NOSYMFOLLOW',
};
const clears: Record<string, MountAttribute> = {
  rw: 'RDONLY', suid: 'NOSUID', dev: 'NODEV', exec: 'NOEXEC', atime: 'NOATIME', diratime: 'NODIRATIME',
  nostrictatime: 'STRICTATIME', norelatime: 'RELATIME', symfollow: 'NOSYMFOLLOW',
};
const propagations = new Set(['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared', 'unbindable', 'runbindable']);
/** What fsconfig takes as a flag of any filesystem. */
const superblockFlags = new Set(['sync', 'dirsync', 'mand', 'lazytime', 'silent']);
/** Undo a flag that nothing had set, or mean nothing to the kernel. */
const without = new Set(['defaults', 'async', 'nomand', 'nolazytime', 'loud', 'iversion', 'noiversion', 'acl', 'noacl', 'remount', 'private,', 'nofail', 'auto', 'noauto', 'user', 'nouser', 'norro']);

export function sortOptions(options: readonly string[]): SortedOptions {
  const sorted: SortedOptions = { set: new Set(), clear: new Set(), setRecursive: new Set(), clearRecursive: new Set(), copyUp: false, readOnlyFilesystem: false, data: [] };
  for (const option of options) sortOption(option, sorted);
  return sorted;
}

function sortOption(option: string, sorted: SortedOptions): void {
  const recursive = option.startsWith('r') ? option.slice(1) : '';
  if (option in sets) put(sets[option]!, sorted.set, sorted.clear);
  else if (option in clears) put(clears[option]!, sorted.clear, sorted.set);
  else if (recursive in sets) put(sets[recursive]!, sorted.setRecursive, sorted.clearRecursive);
  else if (recursive in clears) put(clears[recursive]!, sorted.clearRecursive, sorted.setRecursive);
  else if (propagations.has(option)) sorted.propagation = option as SortedOptions['propagation'];
  else if (option === 'bind' || option === 'rbind') sorted.bind = option;
  else if (option === 'idmap' || option === 'ridmap') sorted.idMapped = option;
  else if (option === 'tmpcopyup') sorted.copyUp = true;
  else if (superblockFlags.has(option)) sorted.data.push(option);
  else if (!without.has(option)) sorted.data.push(option);
  if (option === 'ro') sorted.readOnlyFilesystem = true;
  if (option === 'rw') sorted.readOnlyFilesystem = false;
}

/** The later word counts. */
function put(attribute: MountAttribute, to: Set<MountAttribute>, from: Set<MountAttribute>): void {
  to.add(attribute);
  from.delete(attribute);
}

/** Of the mount itself; what cannot be bound again is private to this container anyway. */
export function mountPropagation({ propagation }: SortedOptions): Propagation | undefined {
  if (propagation === 'unbindable' || propagation === 'runbindable') {
    throw new Refused('unsupported', `the mount option "${propagation}" is not supported: use "private"`);
  }
  return propagation;
}

/** Every word with a meaning of its own; anything else is handed to the filesystem. */
export function knownMountOptions(): string[] {
  const attributes = [...Object.keys(sets), ...Object.keys(clears)];
  const all = [...attributes, ...attributes.map((name) => `r${name}`), ...propagations, ...superblockFlags, 'async', 'bind', 'defaults', 'idmap', 'loud', 'nolazytime', 'nomand', 'rbind', 'remount', 'ridmap', 'tmpcopyup'];
  return [...new Set(all)].sort();
}
