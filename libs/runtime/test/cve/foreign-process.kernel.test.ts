import { createHash } from 'node:crypto';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KernelHost } from '../kernel-host.js';
import { buildProgram, raceMs } from './attack.js';

let host: KernelHost;
beforeAll(async () => {
  host = await KernelHost.open();
  buildProgram(join(host.layer, 'bin'), 'hunter', hunterSource);
});
afterAll(() => host.close());

/** Grabs every process of ours that shows up beside it: by ptrace, by its descriptors, by its program. */
const hunterSource = `
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
static int is_ours(int pid) {
	char path[64], name[64] = "";
	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	int file = open(path, O_RDONLY);
	if (file < 0) return 0;
	if (read(file, name, sizeof name - 1) < 0) name[0] = 0;
	close(file);
	return strncmp(name, "shoal-shim", 10) == 0;
}
int main(void) {
	int seen = 0, self = getpid();
	printf("hunting\\n"); fflush(stdout);
	for (;;) {
		DIR *all = opendir("/proc");
		for (struct dirent *entry; (entry = readdir(all));) {
			char path[64];
			int pid = atoi(entry->d_name);
			if (pid <= 1 || pid == self || !is_ours(pid)) continue;
			if (!seen++) { printf("seen\\n"); fflush(stdout); }
			int descriptor = -1;
			for (int number = 0; number < 12 && descriptor < 0; number++) {
				snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, number);
				descriptor = open(path, O_PATH);
			}
			snprintf(path, sizeof path, "/proc/%d/exe", pid);
			int program = open(path, O_RDWR);
			/* It may have become the container's own meanwhile. */
			if (descriptor >= 0 && is_ours(pid)) { printf("caught by its descriptors\\n"); fflush(stdout); }
			if (program >= 0 && is_ours(pid)) { printf("caught by its program\\n"); fflush(stdout); }
			if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
				if (is_ours(pid)) { printf("caught by ptrace\\n"); fflush(stdout); }
				ptrace(PTRACE_INTERRUPT, pid, 0, 0);
				waitpid(pid, 0, 0x40000000 /* __WALL */);
				ptrace(PTRACE_DETACH, pid, 0, 0);
			}
			if (descriptor >= 0) close(descriptor);
			if (program >= 0) close(program);
		}
		closedir(all);
	}
}
`;

const hash = () => createHash('sha256').update(readFileSync(host.shimPath)).digest('hex');
const exec = (id: string, argv: string[], rest: { user?: string; workingDir?: string } = {}) => host.runtime.exec(id, { argv, timeoutMs: 20_000, maxOutputBytes: 100_000, ...rest }, host.signal);

test('CVE-2016-9962: a process on its way in is never seen into', async () => {
  const id = await host.start('exec hunter');
  await host.untilPrinted(id, 'hunting');
  let output = '';
  const startMs = performance.now();
  const isOver = () => performance.now() - startMs > (output.includes('seen') ? raceMs : 20 * raceMs);
  while (!isOver()) {
    await exec(id, ['true']);
    output = await host.logText(id);
  }
  await host.runtime.remove(id);
  expect(output).toContain('seen');
  expect(output).not.toContain('caught');
});

describe('CVE-2019-5736: the program of ours is never written to', () => {
  test('as entrypoint, by its own name in /proc', async () => {
    const before = hash();
    for (const argv of [['/proc/self/exe'], ['/link']]) {
      const layer = host.writeDirectory('self-exe');
      if (argv[0] === '/link') symlinkSync('/proc/self/exe', join(layer, 'link'));
      await host.run('', { command: argv }, { image: { layerDirs: [layer, host.layer] } as never }).catch(() => undefined);
    }
    expect(hash()).toBe(before);
    expect((await host.run('echo well')).output).toBe('well\n');
  });

  test('as the target of an exec, while others try to write it', async () => {
    const before = hash();
    const id = await host.start('ln -s /proc/self/exe /tmp/link; echo ready; while :; do for p in /proc/[0-9]*; do echo evil > $p/exe; done; done 2>/dev/null', { capabilityAdd: ['SYS_PTRACE'] });
    await host.untilPrinted(id, 'ready');
    for (const end = performance.now() + raceMs; performance.now() < end; ) await exec(id, ['/tmp/link']);
    expect((await exec(id, ['echo', 'well'])).output).toBe('well\n');
    await host.runtime.remove(id);
    expect(hash()).toBe(before);
  });
});

test('CVE-2022-24769, CVE-2022-29162: nothing is inheritable or ambient, in a start and in an exec', async () => {
  const script = 'grep -E "^Cap(Inh|Amb)" /proc/self/status | cut -f2';
  const none = '0000000000000000\n0000000000000000\n';
  expect((await host.run(script, { capabilityAdd: ['ALL'] })).output).toBe(none);
  const id = await host.start('exec sleep 1000', { capabilityAdd: ['ALL'] });
  for (const user of ['root', 'app']) expect((await exec(id, ['sh', '-c', script], { user })).output).toBe(none);
  await host.runtime.remove(id);
});

describe('CVE-2024-21626: descriptors and working directories of the host', () => {
  test('an exec cannot begin in a folder behind a descriptor', async () => {
    const id = await host.start('for n in 3 4 5 6 7 8 9 10; do ln -s /proc/self/fd/$n /tmp/$n; done; echo ready; exec sleep 1000');
    await host.untilPrinted(id, 'ready');
    for (let descriptor = 3; descriptor <= 10; descriptor++) {
      for (const workingDir of [`/proc/self/fd/${descriptor}`, `/tmp/${descriptor}`]) {
        const result = await exec(id, ['sh', '-c', 'cat ../../../../etc/machine-id; pwd'], { workingDir }).catch(() => ({ output: '' }));
        expect(result.output).not.toMatch(/unreachable|[0-9a-f]{32}/);
      }
    }
    await host.runtime.remove(id);
  });

  test('nothing but the standard streams is open, in a start and in an exec', async () => {
    expect((await host.run('ls /proc/1/fd; true')).output).toBe('0\n1\n2\n');
    const id = await host.start('exec sleep 1000');
    expect((await exec(id, ['ls', '/proc/1/fd'])).output).toBe('0\n1\n2\n');
    // 3 is ls reading the directory itself.
    expect((await exec(id, ['ls', '/proc/self/fd'])).output).toBe('0\n1\n2\n3\n');
    await host.runtime.remove(id);
  });
});

describe('CVE-2026-30892, CVE-2026-46680: who is meant', () => {
  test('digits are an id, and nothing else is', async () => {
    const id = await host.start('echo "1000abc:x:0:0::/:" >> /etc/passwd; echo "777:x:0:0::/:" >> /etc/passwd; echo ready; exec sleep 1000');
    await host.untilPrinted(id, 'ready');
    const uid = async (user: string) => (await exec(id, ['id', '-u'], { user })).output.trim();
    expect(await uid('777')).toBe('777');
    expect(await uid('00')).toBe('0');
    for (const user of ['+0', ' 0', '0 ', '0x0', '1000abd', '-1', '4294967296', '4294967295', '2147483648', '0:0:0']) {
      await expect(exec(id, ['id', '-u'], { user }), JSON.stringify(user)).rejects.toThrow(/user/);
    }
    await host.runtime.remove(id);
  });
});

test('CVE-2022-23471, CVE-2022-31030: endless output is cut, and fills no memory', async () => {
  const id = await host.start('exec sleep 1000');
  const before = process.memoryUsage().rss;
  const result = await host.runtime.exec(id, { argv: ['cat', '/dev/zero'], timeoutMs: 700, maxOutputBytes: 4096 }, host.signal);
  expect(result.exitCode).toBe(-1);
  expect(result.output.length).toBeLessThanOrEqual(4096);
  expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20);
  await host.runtime.remove(id);
});
