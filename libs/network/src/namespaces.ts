import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Bug, Limiter } from '../../base/src/index.js';
import { bindMount, cloneNewNet, errnos, setns, SystemError, unmount, unmountLater, unshare } from './syscalls.js';

/**
 * Network namespaces kept alive by files (nsfs bind mounts).
 *
 * A namespace belongs to a thread: every function here enters and leaves within one synchronous call, so nothing else
 * of the process ever runs inside. What must stay inside — sockets, child processes — is made there and keeps it.
 */

const threadNamespace = '/proc/thread-self/ns/net';
const nsfsMagic = 0x6e736673;
/** Each takes a thread of the few that there are for files as well; the kernel does what is due together. */
const unmounting = new Limiter(3);

/** Runs `job`, which must be synchronous, in the namespace that `fd` refers to. */
export function inNamespace<T>(fd: number, job: () => T): T {
  const home = openSync(threadNamespace, 'r');
  try {
    setns(fd, 'into a network namespace');
    return job();
  } finally {
    goHome(home);
  }
}

/**
 * Makes a namespace, runs `setUp` in it, and only when that succeeded gives it its file: a namespace that has a file is complete.
 * A failed one is gone with the call.
 */
export function makeNamespace(path: string, setUp: () => void): void {
  const home = openSync(threadNamespace, 'r');
  try {
    unshare(cloneNewNet);
    setUp();
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, '');
    bindMount(threadNamespace, path);
  } finally {
    goHome(home);
  }
}

export function openNamespace(path: string): number {
  return openSync(path, 'r');
}

/** Whether the file holds a namespace. A plain file is what a reboot leaves. */
function isNamespace(path: string): boolean {
  return statfsSync(path, { bigint: false }).type === nsfsMagic;
}

/** Drops the file. The namespace and all its links go when the last process has left it. */
export function removeNamespace(path: string): void {
  try {
    unmount(path);
  } catch (error) {
    const notThere = error instanceof SystemError && (error.errno === errnos.EINVAL || error.errno === errnos.ENOENT);
    if (!notThere) throw error;
  }
  rmSync(path, { force: true });
}

/** The same without holding up anything else: the kernel lets an unmount wait for all processors, some milliseconds. */
export async function removeNamespaceLater(path: string): Promise<void> {
  await unmounting.run(() => unmountLater(path));
  removeNamespace(path); // nothing to unmount is left, or it tells why it cannot
}

/** Whether the file is there and holds a namespace. A file that holds none is removed. */
export function hasNamespace(path: string): boolean {
  if (!existsSync(path)) return false;
  if (isNamespace(path)) return true;
  rmSync(path, { force: true });
  return false;
}

/** Names of the namespaces in a folder. Files that hold none any more are removed. */
export function listNamespaces(folder: string): string[] {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return readdirSync(folder).filter((name) => hasNamespace(join(folder, name)));
}

/** Sets `net.*` values of the namespace that the thread is in, `/` as separator. */
export function setSysctls(values: Record<string, string>): void {
  for (const [name, value] of Object.entries(values)) writeFileSync(`/proc/sys/net/${name}`, value);
}

/** Addresses, routes and neighbours are all ours: nothing is learned, tried or made up. For links that are made after it. */
export const staticIpv6: Record<string, string> = {
  'ipv6/conf/default/disable_ipv6': '0',
  'ipv6/conf/default/accept_ra': '0',
  'ipv6/conf/default/autoconf': '0',
  'ipv6/conf/default/accept_dad': '0',
  'ipv6/conf/default/addr_gen_mode': '1', // no link-local address
};

function goHome(home: number): void {
  try {
    setns(home, 'back to the own network namespace');
  } catch (cause) {
    throw new Bug(`the thread cannot leave a network namespace: ${String(cause)}`);
  } finally {
    closeSync(home);
  }
}
