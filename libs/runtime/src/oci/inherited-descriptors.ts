import { readdirSync, readlinkSync } from 'node:fs';
import { isErrno } from '../../../base/src/index.js';

/**
 * What is open because our caller left it open. Node marks all descriptors alike when it starts, so its own are told by what they are:
 * event queues, and pipes of which it has both ends.
 */
export function inheritedDescriptors(): Set<number> {
  const links = readdirSync('/proc/self/fd').flatMap((name): [number, string][] => {
    const link = readLink(`/proc/self/fd/${name}`);
    return link === undefined ? [] : [[Number(name), link]];
  });
  const count = new Map<string, number>();
  for (const [, link] of links) count.set(link, (count.get(link) ?? 0) + 1);
  const isOurs = (link: string) => link.startsWith('anon_inode:[event') || link.startsWith('anon_inode:[io_uring') || (link.startsWith('pipe:') && count.get(link)! > 1);
  return new Set(links.filter(([, link]) => !isOurs(link)).map(([descriptor]) => descriptor));
}

/** Undefined: it was only open to read the folder. */
function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
