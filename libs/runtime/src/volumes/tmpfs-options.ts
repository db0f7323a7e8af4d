import { Refused } from '../../../base/src/index.js';
import type { FilesystemMount } from '../container-config.js';
import type { MountAttribute } from '../linux.js';

/** What a word of mount(8) sets, and what it takes away. */
const flags: Record<string, { set?: MountAttribute; clear?: MountAttribute }> = {
  ro: { set: 'RDONLY' },
  rw: { clear: 'RDONLY' },
  nosuid: { set: 'NOSUID' },
  suid: { clear: 'NOSUID' },
  nodev: { set: 'NODEV' },
  dev: { clear: 'NODEV' },
  noexec: { set: 'NOEXEC' },
  exec: { clear: 'NOEXEC' },
  noatime: { set: 'NOATIME' },
  nodiratime: { set: 'NODIRATIME' },
  strictatime: { set: 'STRICTATIME' },
  relatime: {},
  defaults: {},
};

/** What the kernel's tmpfs knows, and Docker lets through. */
const values = ['size', 'mode', 'uid', 'gid', 'nr_inodes', 'nr_blocks', 'mpol'];

export interface TmpfsWish {
  target: string;
  sizeBytes?: number;
  mode?: number;
  readOnly?: boolean;
  options?: readonly string[];
}

/** Docker's defaults (noexec, nosuid, nodev, mode 1777), then what is asked for: later words win. */
export function tmpfsMount({ target, sizeBytes, mode, readOnly, options = [] }: TmpfsWish): FilesystemMount {
  const attributes = new Set<MountAttribute>(['NOSUID', 'NODEV', 'NOEXEC', ...(readOnly ? (['RDONLY'] as const) : [])]);
  const kernel = new Map<string, string>([...(sizeBytes ? ([['size', String(sizeBytes)]] as const) : []), ['mode', (mode ?? 0o1777).toString(8)]]);
  for (const option of options) {
    const at = option.indexOf('=');
    const [key, value] = at < 0 ? [option, undefined] : [option.slice(0, at), option.slice(at + 1)];
    const flag = value === undefined && Object.hasOwn(flags, key) ? flags[key] : undefined;
    if (flag?.set) attributes.add(flag.set);
    if (flag?.clear) attributes.delete(flag.clear);
    if (flag) continue;
    if (!value || !values.includes(key)) throw new Refused('invalid', `invalid tmpfs option "${option}" for ${target}: known are ${[...Object.keys(flags), ...values.map((name) => `${name}=`)].join(', ')}`);
    kernel.set(key, value);
  }
  return { kind: 'filesystem', type: 'tmpfs', target, options: ['source=tmpfs', ...[...kernel].map(([key, value]) => `${key}=${value}`)], attributes: [...attributes] };
}
