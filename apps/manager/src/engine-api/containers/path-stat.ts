import type { PathStat as NodePathStat } from '../../../../../libs/runtime/src/archive/container-files.js';

export type PathStat = NodePathStat;

const typeMask = 0o170000;
/** Go's `os.FileMode` has bits of its own for types and for the three special permissions. */
const goTypes: Record<number, number> = {
  0o040000: 1 << 31, // directory
  0o120000: 1 << 27, // symbolic link
  0o060000: 1 << 26, // block device
  0o020000: (1 << 26) | (1 << 21), // character device
  0o010000: 1 << 25, // pipe
  0o140000: 1 << 24, // socket
};
const goSpecial: [number, number][] = [
  [0o4000, 1 << 23],
  [0o2000, 1 << 22],
  [0o1000, 1 << 20],
];

/** The header with which `docker cp` learns what stands at a path. */
export function pathStatHeader({ name, size, mode, mtime, linkTarget }: PathStat): string {
  return Buffer.from(JSON.stringify({ name, size, mode: goMode(mode), mtime, linkTarget })).toString('base64');
}

function goMode(mode: number): number {
  let bits = (mode & 0o777) | (goTypes[mode & typeMask] ?? 0);
  for (const [unix, go] of goSpecial) if (mode & unix) bits |= go;
  return bits >>> 0;
}
