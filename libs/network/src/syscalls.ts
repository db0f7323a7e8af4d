import koffi from 'koffi';

/**
 * The few system calls that Node has no name for, made in process on the calling thread. Namespaces are per thread,
 * so whoever uses `setns` or `unshare` must come back before it gives up the thread: see `namespaces.ts`.
 */

/** A system call that failed: `errno` tells callers which failure they expected. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  constructor(
    readonly call: string,
    readonly errno: number,
    object: string,
  ) {
    super(`${call} ${object}: ${errnoName(errno)}`);
  }
}

export const errnos = koffi.os.errno as Record<string, number>;

function errnoName(errno: number): string {
  return Object.entries(errnos).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
}

export const cloneNewNet = 0x40000000;
export const addressFamily = { inet: 2, bridge: 7, inet6: 10, netlink: 16 } as const;
export const socketType = { stream: 1, datagram: 2, raw: 3, closeOnExec: 0o2000000, nonBlock: 0o4000 } as const;

const mountBind = 0x1000;
const unmountDetach = 2;

const libc = koffi.load('libc.so.6');
const cSetns = libc.func('int setns(int fd, int nstype)');
const cUnshare = libc.func('int unshare(int flags)');
const cMount = libc.func('int mount(const char *source, const char *target, const char *type, unsigned long flags, void *data)');
const cUmount2 = libc.func('int umount2(const char *target, int flags)');
const cSocket = libc.func('int socket(int domain, int type, int protocol)');
const cSetsockopt = libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)');
const cBind = libc.func('int bind(int fd, const void *address, uint32_t length)');
const cGetsockname = libc.func('int getsockname(int fd, void *address, void *length)');
const cSendto = libc.func('long sendto(int fd, const void *data, size_t length, int flags, const void *address, uint32_t addressLength)');
const cSend = libc.func('long send(int fd, const void *data, size_t length, int flags)');
const cRecv = libc.func('long recv(int fd, void *data, size_t length, int flags)');

function checked(result: number, call: string, object: string): number {
  if (result < 0) throw new SystemError(call, koffi.errno(), object);
  return result;
}

export function setns(fd: number, what: string): void {
  checked(cSetns(fd, cloneNewNet), 'setns', what);
}

export function unshare(flags: number): void {
  checked(cUnshare(flags), 'unshare', `0x${flags.toString(16)}`);
}

export function bindMount(source: string, target: string): void {
  checked(cMount(source, target, 'none', mountBind, null), 'mount --bind', `${source} ${target}`);
}

export function unmount(target: string): void {
  checked(cUmount2(target, unmountDetach), 'umount', target);
}

/** Tries it on another thread, which shares our mounts. Whether it has succeeded is to be seen. */
export function unmountLater(target: string): Promise<void> {
  return new Promise((resolve) => cUmount2.async(target, unmountDetach, () => resolve()));
}

export function openSocket(domain: number, type: number, protocol: number): number {
  return checked(cSocket(domain, type | socketType.closeOnExec, protocol), 'socket', `family ${domain}`);
}

export function setSocketOption(fd: number, level: number, name: number, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  checked(cSetsockopt(fd, level, name, bytes, 4), 'setsockopt', `${level}/${name}`);
}

/** `address`: IPv4 in four bytes. */
export function bindInet(fd: number, address: Buffer, port: number): void {
  const socketAddress = Buffer.alloc(16);
  socketAddress.writeUInt16LE(addressFamily.inet, 0);
  socketAddress.writeUInt16BE(port, 2);
  address.copy(socketAddress, 4);
  checked(cBind(fd, socketAddress, socketAddress.length), 'bind', `${[...address].join('.')}:${port}`);
}

/** Binds a netlink socket to multicast groups, a bit each; the kernel gives it a port id. */
export function bindNetlink(fd: number, groups: number): void {
  const socketAddress = Buffer.alloc(12);
  socketAddress.writeUInt16LE(addressFamily.netlink, 0);
  socketAddress.writeUInt32LE(groups, 8);
  checked(cBind(fd, socketAddress, socketAddress.length), 'bind', `netlink groups 0x${groups.toString(16)}`);
}

/** What the kernel tells a netlink socket apart by within its namespace. */
export function netlinkPortId(fd: number): number {
  const socketAddress = Buffer.alloc(12);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(socketAddress.length);
  checked(cGetsockname(fd, socketAddress, length), 'getsockname', 'netlink');
  return socketAddress.readUInt32LE(4);
}

export function send(fd: number, data: Buffer): void {
  checked(Number(cSend(fd, data, data.length, 0)), 'send', `${data.length} bytes`);
}

/** From a non-blocking socket to an address of either family, in network order. */
export function sendTo(fd: number, data: Buffer, address: Buffer): void {
  const isIpv6 = address.length === 16;
  const socketAddress = Buffer.alloc(isIpv6 ? 28 : 16);
  socketAddress.writeUInt16LE(isIpv6 ? addressFamily.inet6 : addressFamily.inet, 0);
  address.copy(socketAddress, isIpv6 ? 8 : 4);
  checked(Number(cSendto(fd, data, data.length, 0, socketAddress, socketAddress.length)), 'sendto', `${data.length} bytes`);
}

/** Never waits; the number of bytes, or a SystemError with EAGAIN. */
export function receive(fd: number, into: Buffer): number {
  const dontWait = 0x40;
  return checked(Number(cRecv(fd, into, into.length, dontWait)), 'recv', 'netlink');
}
