import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KernelHost } from '../kernel-host.js';
import { buildProgram } from './attack.js';

let host: KernelHost;
beforeAll(async () => {
  host = await KernelHost.open();
});
afterAll(() => host.close());

describe('CVE-2022-0492: release_agent', () => {
  const script = 'mkdir /tmp/c; for o in memory pids devices none,name=evil rdma net_cls; do mount -t cgroup -o $o x /tmp/c && { test -e /tmp/c/release_agent && echo "found $o"; umount /tmp/c; }; done; for d in /sys/fs/cgroup/*; do mount -o remount,rw,release_agent=/evil $d && echo "remounted $d"; done; echo tried';
  const agents = () => readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes('release_agent=/evil'));

  for (const [words, spec] of [
    ['a container may not mount', {}],
    ['one with SYS_ADMIN sees only groups of its own', { capabilityAdd: ['SYS_ADMIN'], securityOptions: { seccomp: { kind: 'unconfined' as const } } }],
    ['nor in a user namespace', { capabilityAdd: ['SYS_ADMIN'], usernsMode: 'private', securityOptions: { seccomp: { kind: 'unconfined' as const } } }],
  ] as const) {
    test(words, async () => {
      const { output } = await host.run(script, spec as never);
      expect(output).toContain('tried');
      expect(output).not.toContain('found');
      expect(agents()).toEqual([]);
    });
  }

  test("SYS_ADMIN with the host's cgroup namespace would be the host itself: only privileged may", async () => {
    await expect(host.run('true', { cgroupnsMode: 'host', capabilityAdd: ['SYS_ADMIN'] })).rejects.toThrow('cgroup namespace');
  });
});

test("CVE-2020-15257: on the host's network no socket of ours can be reached", async () => {
  const { output } = await host.run('cat /proc/net/unix', { networkMode: 'host' });
  const abstract = output.split('\n').map((line) => line.split(' ').at(-1) ?? '').filter((name) => name.startsWith('@'));
  expect(abstract.filter((name) => /shoal|shim|zygote|containerd/.test(name))).toEqual([]);
});

describe('CVE-2026-31431: kernel crypto sockets', () => {
  test('neither by the call of 64-bit programs nor by that of 32-bit ones', async () => {
    buildProgram(join(host.layer, 'bin'), 'crypto', cryptoSource);
    const { output } = await host.run('crypto');
    const [native, call32, multiplexed] = output.trim().split('\n');
    expect(native).toBe('socket 1');
    // ENOSYS (38): this kernel runs no 32-bit programs at all.
    expect(['socket32 1', 'socket32 38']).toContain(call32);
    expect(['socketcall 1', 'socketcall 38']).toContain(multiplexed);
  });
});

/** Prints the errno of each way to a socket of family 38. */
const cryptoSource = `
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
static unsigned arguments[] = {38, 5, 0};
static int call32(unsigned number, unsigned a, unsigned b, unsigned c) {
	int result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return result;
}
static void no_such_gate(int signal) { printf("socket32 38\\nsocketcall 38\\n"); fflush(stdout); _exit(0); }
int main(void) {
	printf("socket %d\\n", socket(38, 5, 0) < 0 ? errno : 0);
	fflush(stdout);
	signal(SIGSEGV, no_such_gate);
	printf("socket32 %d\\n", -call32(359, 38, 5, 0));
	printf("socketcall %d\\n", -call32(102, 1, (unsigned)(unsigned long)arguments, 0));
}
`;
