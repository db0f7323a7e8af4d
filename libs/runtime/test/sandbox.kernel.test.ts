import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync, writeFileSync, mkdirSync, symlinkSync, existsSync, statSync, chmodSync, chownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KernelHost } from './kernel-host.js';

let host: KernelHost;
beforeAll(async () => {
  host = await KernelHost.open();
});
afterAll(() => host.close());

describe('namespaces', () => {
  test('own process ids, hostname, mounts, network, ipc and cgroup', async () => {
    const kinds = ['pid', 'uts', 'mnt', 'net', 'ipc', 'cgroup'];
    const { output } = await host.run(`echo $$; hostname; for k in ${kinds.join(' ')}; do readlink /proc/self/ns/$k; done; ps | wc -l`);
    const [pid, hostname, ...rest] = output.trim().split('\n');
    expect([pid, hostname]).toEqual(['1', 'inside']);
    const inside = rest.slice(0, kinds.length);
    const outside = kinds.map((kind) => readlinkSync(`/proc/self/ns/${kind}`));
    expect(inside.filter((link) => outside.includes(link))).toEqual([]);
    expect(Number(rest.at(-1))).toBeLessThan(6);
  });

  test('nothing of the host is mounted or open inside', async () => {
    const { output } = await host.run('cut -d" " -f5 /proc/self/mountinfo; ls /proc/self/fd');
    const lines = output.trim().split('\n');
    expect(lines.slice(0, 5)).not.toContain('/mnt');
    // 3 is ls reading the directory itself.
    expect(lines.slice(-4)).toEqual(['0', '1', '2', '3']);
    expect(output).not.toContain(host.directory);
  });
});

describe("Docker's defaults", () => {
  test('mounts, in order, with their options', async () => {
    const { output } = await host.run('cut -d" " -f5- /proc/self/mountinfo');
    const mounts = output.trim().split('\n').map((line) => line.replace(/ - (\S+) .*/, ' $1').replace(/,nr_inodes=\d+/, ''));
    const cgroups = mounts.filter((line) => line.startsWith('/sys/fs/cgroup/'));
    for (const line of cgroups) expect(line).toMatch(/^\/sys\/fs\/cgroup\/\S+ ro,nosuid,nodev,noexec,relatime cgroup$/);
    expect(mounts.filter((line) => !cgroups.includes(line) && !/^\/(proc|sys)\/./.test(line)).sort()).toEqual([
      '/ rw,relatime overlay',
      '/dev rw,nosuid tmpfs',
      '/dev/mqueue rw,nosuid,nodev,noexec,relatime mqueue',
      '/dev/pts rw,nosuid,noexec,relatime devpts',
      '/dev/shm rw,nosuid,nodev,noexec,relatime tmpfs',
      '/etc/hostname rw,relatime ext4',
      '/etc/hosts rw,relatime ext4',
      '/etc/resolv.conf rw,relatime ext4',
      '/proc rw,nosuid,nodev,noexec,relatime proc',
      '/sys ro,nosuid,nodev,noexec,relatime sysfs',
    ]);
  });

  test('masked and read-only paths', async () => {
    const { output } = await host.run('cat /proc/keys /proc/timer_list | wc -c; ls /sys/firmware /proc/acpi | grep -v : ; echo x > /proc/sys/kernel/hostname; echo 1 > /proc/sys/vm/drop_caches');
    expect(output.trim().split('\n')[0]).toBe('0');
    expect(output.match(/Read-only file system/g)).toHaveLength(2);
    expect(output).not.toContain('memmap');
  });

  test('identity, capabilities, seccomp, umask, score, limits', async () => {
    const { output } = await host.run("grep -E '^(Groups|Cap|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t ' ' '; grep ^Cap /proc/self/status | wc -l; umask; cat /proc/self/oom_score_adj; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; pwd");
    expect(output.trim().split('\n').map((line) => line.trim())).toEqual(['Groups: 0 10', 'NoNewPrivs: 0', 'Seccomp: 2', '5', '0022', '0', '0', '/']);
    const { output: capabilities } = await host.run("grep ^Cap /proc/self/status | cut -f2");
    expect(capabilities.trim().split('\n')).toEqual(['0000000000000000', '00000000a80425fb', '00000000a80425fb', '00000000a80425fb', '0000000000000000']);
  });

  test('environment and files of /etc', async () => {
    const { output } = await host.run('env | sort; cat /etc/hostname /etc/resolv.conf; tail -n1 /etc/hosts; ls -l /.dockerenv | cut -c1-10; readlink /etc/mtab', { env: ['A=1', 'B'] }, { image: { env: ['B=image', 'C=image', 'PATH=/bin'] } as never });
    expect(output.trim().split('\n')).toEqual(['A=1', 'C=image', 'HOME=/root', 'HOSTNAME=inside', 'PATH=/bin', 'PWD=/', 'SHLVL=1', 'inside', 'nameserver 127.0.0.11', 'options ndots:0', '10.0.1.2\tinside', '-rwxr-xr-x', '/proc/mounts']);
  });

  test('devices: the six, and no other can be opened even when its node is made', async () => {
    const { output } = await host.run('cd /dev; ls -d null zero full random urandom tty | wc -l; head -c 3 /dev/zero | wc -c; mknod /tmp/vda b 254 0; ls /tmp; cat /tmp/vda; mknod /tmp/mem c 1 1; cat /tmp/mem');
    expect(output.split('\n').slice(0, 3)).toEqual(['6', '3', 'vda']);
    expect(output.match(/Operation not permitted/g)).toHaveLength(2);
  });
});

describe('seccomp', () => {
  test('ordinary calls work; namespaces, mounts and kernel sockets are refused', async () => {
    const { output } = await host.run('unshare -m true; mount -t tmpfs x /tmp; echo ppid $PPID');
    expect(output).toContain('unshare(0x20000): Operation not permitted');
    expect(output).toContain('mount: permission denied');
    expect(output).toContain('ppid 0');
  });
});

test('seccomp: kernel crypto and vsock sockets are refused, others not', async () => {
  const source = join(host.directory, 'sockets.c');
  writeFileSync(source, `#include <sys/socket.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>
int main(void) {
	int families[] = {2, 10, 16, 38, 40};
	for (int i = 0; i < 5; i++)
		printf("%d %s\\n", families[i], socket(families[i], families[i] == 38 ? SOCK_SEQPACKET : SOCK_DGRAM, 0) < 0 ? strerror(errno) : "open");
}
`);
  execFileSync('musl-gcc', ['-static', '-o', join(host.layer, 'bin/sockets'), source]);
  expect((await host.run('sockets')).output.trim().split('\n')).toEqual(['2 open', '10 open', '16 open', '38 Operation not permitted', '40 Operation not permitted']);
});

describe('users', () => {
  test('names, ids and groups by the files of the image', async () => {
    const id = async (user: string, groups: string[] = []) => (await host.run('id; echo $HOME', { user, groups })).output.trim().replace('\n', ' ');
    expect(await id('app')).toBe('uid=1000(app) gid=1000(app) groups=1000(app),2000(extra) /home/app');
    expect(await id('app:extra')).toBe('uid=1000(app) gid=2000(extra) groups=2000(extra) /home/app');
    expect(await id('4242')).toBe('uid=4242 gid=0(root) groups=0(root) /');
    expect(await id('4242:77', ['extra'])).toBe('uid=4242 gid=77 groups=77,2000(extra) /');
  });

  test('has no capabilities and owns its output', async () => {
    const { output } = await host.run("grep CapEff /proc/self/status | cut -f2; echo reopened > /dev/stderr", { user: 'app' });
    expect(output).toBe('0000000000000000\nreopened\n');
  });

  test('an unknown name is refused, and leaves nothing', async () => {
    const request = host.request({ user: 'nobody-here' });
    await expect(host.runtime.create(request, host.signal)).rejects.toThrow('unable to find user nobody-here');
    expect(await host.runtime.status(request.id)).toBeUndefined();
    expect(readdirSync(join(host.stateDir, 'containers'))).not.toContain(request.id);
  });
});

describe('capabilities', () => {
  const effective = async (add: string[], drop: string[]) => (await host.run('grep CapEff /proc/self/status | cut -f2', { capabilityAdd: add, capabilityDrop: drop })).output.trim();

  test('added and dropped by name', async () => {
    expect(await effective(['net_admin'], ['CAP_MKNOD'])).toBe((0xa80425fbn & ~(1n << 27n) | (1n << 12n)).toString(16).padStart(16, '0'));
    expect(await effective(['CHOWN'], ['ALL'])).toBe('0000000000000001');
  });

  test('ALL is what we hold, never more', async () => {
    const held = /^CapPrm:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1];
    expect(await effective(['ALL'], [])).toBe(held);
  });
});

describe('mounts', () => {
  test('a bind is writable, read-only when asked, with what is mounted below it, too', async () => {
    const source = host.writeDirectory('bind');
    writeFileSync(join(source, 'file'), 'from the host');
    const mount = { type: 'bind' as const, source, target: '/data' };
    expect((await host.run('cat /data/file; echo new > /data/new', { mounts: [mount] })).output).toBe('from the host\n');
    expect(readFileSync(join(source, 'new'), 'utf8')).toBe('new\n');
    expect((await host.run('echo new > /data/new2', { mounts: [{ ...mount, readOnly: true }] })).output).toContain('Read-only file system');
    expect((await host.run('cat /etc/one', { mounts: [{ type: 'bind', source: join(source, 'file'), target: '/etc/one' }] })).output).toBe('from the host\n');
  });

  test('propagation: mounts pass in and out only when asked', async () => {
    const source = host.writeDirectory('peers');
    execFileSync('mount', ['-t', 'tmpfs', 'peers', source]);
    execFileSync('mount', ['--make-shared', source]);
    try {
      for (const name of ['from-host', 'from-inside', 'private-inside']) mkdirSync(join(source, name));
      const start = (target: string, propagation: string) =>
        host.start(`mount -t tmpfs x /peers/${target}; echo mounted; sleep 1000`, { capabilityAdd: ['SYS_ADMIN'], mounts: [{ type: 'bind', source, target: '/peers', propagation }] });
      const shared = await start('from-inside', 'rshared');
      await host.untilPrinted(shared, 'mounted');
      const own = await start('private-inside', 'rprivate');
      await host.untilPrinted(own, 'mounted');
      execFileSync('mount', ['-t', 'tmpfs', 'later', join(source, 'from-host')]);
      const below = (text: string) => text.split('\n').map((line) => line.split(' ')[4] ?? '').filter((path) => /peers\/./.test(path)).map((path) => path.replace(/.*peers\//, ''));
      const inside = async (id: string) => below((await host.runtime.exec(id, { argv: ['cat', '/proc/self/mountinfo'], timeoutMs: 20_000, maxOutputBytes: 1e6 }, host.signal)).output).sort();
      expect(below(readFileSync('/proc/self/mountinfo', 'utf8')).sort()).toEqual(['from-host', 'from-inside']);
      expect(await inside(shared)).toEqual(['from-host', 'from-inside']);
      expect(await inside(own)).toEqual(['from-inside', 'private-inside']); // the first was there when it started
      for (const id of [shared, own]) await host.runtime.remove(id);
    } finally {
      execFileSync('umount', ['--recursive', source]);
    }
  });

  test('a missing source is refused in words', async () => {
    const request = host.request({ mounts: [{ type: 'bind', source: '/not/there', target: '/data' }] });
    await expect(host.runtime.create(request, host.signal)).rejects.toThrow('invalid mount config for type "bind": bind source path does not exist: /not/there');
  });

  test('a new volume begins with the content of the image, once', async () => {
    const content = join(host.layer, 'content');
    mkdirSync(join(content, 'below'), { recursive: true });
    writeFileSync(join(content, 'file'), 'image');
    writeFileSync(join(content, 'below/secret'), 'deep');
    symlinkSync('file', join(content, 'link'));
    chmodSync(join(content, 'below/secret'), 0o640);
    chownSync(join(content, 'below/secret'), 1000, 2000);
    chmodSync(content, 0o750);
    const mounts = [{ type: 'volume' as const, source: 'data', target: '/content' }];
    const { output } = await host.run('cd /content; cat file link below/secret; stat -c "%a %u %g" . below/secret; echo changed > file', { mounts });
    expect(output).toBe('imageimagedeep750 0 0\n640 1000 2000\n');
    expect((await host.run('cat /content/file', { mounts })).output).toBe('changed\n');
    expect(readFileSync(join(host.directory, 'volumes/data/_data/file'), 'utf8')).toBe('changed\n');
    expect((await host.run('ls /content', { mounts: [{ ...mounts[0]!, source: 'bare', noCopy: true }] })).output).toBe('');
  });

  test('replicas that share a new volume start together', async () => {
    const mounts = [{ type: 'volume' as const, source: 'shared', target: '/content' }];
    const runs = await Promise.all(Array.from({ length: 6 }, () => host.run('cat /content/file', { mounts })));
    expect(runs.map(({ output }) => output)).toEqual(Array(6).fill('image\n'));
  });

  test('a creation that fails leaves no new volume', async () => {
    const mounts = [{ type: 'volume' as const, source: 'unborn', target: '/content' }, { type: 'bind' as const, source: '/not/there', target: '/x' }];
    await expect(host.runtime.create(host.request({ mounts }), host.signal)).rejects.toThrow('does not exist');
    expect(existsSync(join(host.directory, 'volumes/unborn'))).toBe(false);
  });

  test('a VOLUME of the image is an anonymous volume that ends with the container', async () => {
    const volumes = join(host.directory, 'volumes');
    const before = readdirSync(volumes);
    const id = await host.start('ls /content; sleep 1000', {}, { image: { volumes: ['/content'] } as never });
    await host.untilPrinted(id, 'below');
    expect(readdirSync(volumes)).toHaveLength(before.length + 1);
    await host.runtime.remove(id);
    expect(readdirSync(volumes)).toEqual(before);
  });

  test('tmpfs has size and mode; a read-only root leaves it writable', async () => {
    const mounts = [{ type: 'tmpfs' as const, target: '/scratch', sizeBytes: 1 << 20, mode: 0o700 }];
    const { output } = await host.run('stat -c %a /scratch; dd if=/dev/zero of=/scratch/f bs=1M count=2; echo x > /file; echo y > /dev/shm/f && cat /dev/shm/f; echo z > /etc/hosts', { mounts, readOnly: true });
    expect(output.split('\n')[0]).toBe('700');
    expect(output).toContain('No space left on device');
    expect(output.match(/Read-only file system/g)).toHaveLength(2);
    expect(output.trim().split('\n')).toContain('y');
  });

  test('secrets are files in memory with owner and mode', async () => {
    const files = [
      { target: '/run/secrets/key', data: Buffer.from('s3cret'), uid: 1000, gid: 2000, mode: 0o440 },
      { target: '/etc/app/deep/config.json', data: Buffer.from('{}'), uid: 0, gid: 0, mode: 0o444 },
    ];
    const { output } = await host.run('stat -c "%a %u %g" /run/secrets/key; cat /run/secrets/key /etc/app/deep/config.json; echo; echo x > /run/secrets/key; grep " /run/secrets/key " /proc/self/mountinfo | sed "s/.* - //"', { user: '0:2000' }, { files });
    const lines = output.split('\n');
    expect(lines.slice(0, 2)).toEqual(['440 1000 2000', 's3cret{}']);
    expect(output).toContain('Read-only file system');
    expect(lines.at(-2)).toMatch(/^tmpfs tmpfs/);
  });
});

describe('layers', () => {
  test('many, the upper ones first', async () => {
    const layers = Array.from({ length: 120 }, (_, index) => {
      const layer = host.writeDirectory(`a-long-name-as-digests-have-one-in-the-store-of-an-agent/layer-${index}`);
      writeFileSync(join(layer, 'name'), `layer ${index}`);
      writeFileSync(join(layer, `of-${index}`), '');
      return layer;
    });
    const { output } = await host.run('cat /name; echo; ls -d /of-* | wc -l', {}, { image: { layerDirs: [...layers, host.layer] } as never });
    expect(output).toBe('layer 0\n120\n');
  });
});

describe('what broke other runtimes', () => {
  test('CVE-2024-21626: a working directory behind a descriptor', async () => {
    for (let descriptor = 3; descriptor <= 20; descriptor++) {
      const request = host.request({ dir: `/proc/self/fd/${descriptor}` });
      await expect(host.runtime.create(request, host.signal)).rejects.toThrow(/cannot (create|change to)/);
    }
  });

  test('CVE-2019-16884: a volume over /proc', async () => {
    const request = host.request({}, { image: { volumes: ['/proc'] } as never });
    await expect(host.runtime.create(request, host.signal)).rejects.toThrow('it is inside /proc, which nothing may cover');
    symlinkSync('/proc', join(host.layer, 'sly'));
    const sly = host.request({}, { image: { volumes: ['/sly'] } as never });
    await expect(host.runtime.create(sly, host.signal)).rejects.toThrow('it is inside /proc, which nothing may cover');
  });

  test('a symlink as mount target stays inside the root, and its target is made there', async () => {
    const outside = host.writeDirectory('outside');
    symlinkSync(outside, join(host.layer, 'escape'));
    const source = host.writeDirectory('bind');
    const { output } = await host.run('cut -d" " -f5 /proc/self/mountinfo | grep below', { mounts: [{ type: 'bind', source, target: '/escape/below' }] });
    expect(readdirSync(outside)).toEqual([]);
    expect(output.trim()).toBe(join(outside, 'below'));
  });

  test('/etc/resolv.conf of the image is a symlink to nowhere', async () => {
    const layer = host.writeDirectory('layer-etc');
    mkdirSync(join(layer, 'etc'));
    symlinkSync('../run/systemd/resolve/stub-resolv.conf', join(layer, 'etc/resolv.conf'));
    const { output } = await host.run('cat /etc/resolv.conf', {}, { image: { layerDirs: [layer, host.layer] } as never });
    expect(output).toContain('nameserver 127.0.0.11');
  });

  test('/proc or /dev of the image is a symlink', async () => {
    for (const name of ['proc', 'dev']) {
      const layer = host.writeDirectory(`layer-${name}`);
      const victim = host.writeDirectory(`victim-${name}`);
      symlinkSync(victim, join(layer, name));
      const request = host.request({}, { image: { layerDirs: [layer, host.layer] } as never });
      await expect(host.runtime.create(request, host.signal)).rejects.toThrow('is a symbolic link in the image');
      expect(readdirSync(victim)).toEqual([]);
    }
  });

  test('CVE-2019-5736: the program behind a process of ours cannot be written', async () => {
    const { pid } = host.events.filter((event) => event.event === 'zygote-started').at(-1) as { pid: number };
    expect(readlinkSync(`/proc/${pid}/exe`)).toContain('memfd:shoal-shim');
    expect(() => writeFileSync(`/proc/${pid}/exe`, 'x')).toThrow(/ETXTBSY|EPERM/);
    const { output } = await host.run('echo x > /sbin/docker-init; echo x > /proc/1/exe', { init: true });
    expect(output).toContain("can't create /sbin/docker-init");
    expect(output).toContain("can't create /proc/1/exe");
  });

  test("the host's /dev/null keeps its owner", async () => {
    await host.run('true', { user: 'app' });
    expect(statSync('/dev/null').uid).toBe(0);
  });

  test('a working directory is made, inside', async () => {
    expect((await host.run('pwd; stat -c "%a %u" .', { dir: '/srv/new/dir', user: 'app' })).output).toBe('/srv/new/dir\n755 0\n');
    expect(existsSync('/srv/new/dir')).toBe(false);
  });
});
