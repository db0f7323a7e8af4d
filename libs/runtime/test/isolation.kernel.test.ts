import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { KernelHost } from './kernel-host.js';

let host: KernelHost;
beforeAll(async () => {
  host = await KernelHost.open();
});
afterAll(() => host.close());

const inside = async (kinds: string, spec: Parameters<KernelHost['run']>[1], rest: Parameters<KernelHost['run']>[2] = {}) =>
  (await host.run(`for k in ${kinds}; do readlink /proc/self/ns/$k; done`, spec, rest)).output.trim().split('\n');
const outside = (kind: string, pid: number | 'self' = 'self') => readlinkSync(`/proc/${pid}/ns/${kind}`);
const pidOf = async (id: string) => (await host.runtime.status(id))!.pid;

describe("the host's namespaces", () => {
  test('pid, ipc, uts, cgroup and network, each by its mode', async () => {
    const spec = { pidMode: 'host', ipcMode: 'host', utsMode: 'host', cgroupnsMode: 'host', networkMode: 'host' };
    expect(await inside('pid ipc uts cgroup net', spec)).toEqual(['pid', 'ipc', 'uts', 'cgroup', 'net'].map((kind) => outside(kind)));
  });

  test("with the host's cgroup namespace only the container's own groups are mounted", async () => {
    const { output } = await host.run('cat /proc/self/cgroup; ls /sys/fs/cgroup/pids 2>/dev/null || ls /sys/fs/cgroup', { cgroupnsMode: 'host' });
    expect(output).toContain(`/${host.cgroupParent}/`);
    expect(output).toContain('pids.current');
    expect(output).not.toContain('shoal-test\n');
  });

  test("sysctls of a namespace that is not the container's own are refused", async () => {
    await expect(host.run('true', { networkMode: 'host', sysctls: { 'net.ipv4.ip_forward': '1' } })).rejects.toThrow("the network namespace is not the container's own");
    await expect(host.run('true', { ipcMode: 'host', sysctls: { 'kernel.shmmax': '1' } })).rejects.toThrow("the ipc namespace is not the container's own");
  });

  test('the end of a container without process ids of its own is the end of all its processes', async () => {
    const id = await host.start('sleep 4321 & echo left; exec sleep 0', { pidMode: 'host' });
    await host.runtime.wait(id, host.signal);
    await vi.waitFor(() => expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain('sleep 4321'), 20_000);
    await host.runtime.remove(id);
  });
});

describe("another container's namespaces", () => {
  test('pid: sees and signals its processes', async () => {
    const first = await host.start('exec sleep 1000', {});
    const { output } = await host.run('readlink /proc/self/ns/pid; cat /proc/1/cmdline | tr "\\0" " "', { pidMode: `container:${first}` });
    expect(output.trim().split('\n')).toEqual([outside('pid', await pidOf(first)), 'sleep 1000']);
    await host.runtime.remove(first);
  });

  test('ipc: shares memory with one that allows it, and with no other', async () => {
    const first = await host.start('echo secret > /dev/shm/file; echo ready; exec sleep 1000', { ipcMode: 'shareable' });
    await host.untilPrinted(first, 'ready');
    const joined = await host.run('cat /dev/shm/file; readlink /proc/self/ns/ipc', { ipcMode: `container:${first}` });
    expect(joined.output.trim().split('\n')).toEqual(['secret', outside('ipc', await pidOf(first))]);
    const own = await host.start('exec sleep 1000', {});
    await expect(host.run('true', { ipcMode: `container:${own}` })).rejects.toThrow('it is not shareable');
    for (const id of [first, own]) await host.runtime.remove(id);
  });

  test('network: the same interfaces; one that does not run is refused', async () => {
    const first = await host.start('exec sleep 1000', { networkMode: 'none' }, { netnsPath: '' });
    expect(await inside('net', { networkMode: `container:${first}` })).toEqual([outside('net', await pidOf(first))]);
    await host.runtime.signal(first, 'SIGKILL');
    await host.runtime.wait(first, host.signal);
    await expect(host.run('true', { networkMode: `container:${first}` })).rejects.toThrow('it is exited');
    await host.runtime.remove(first);
    await expect(host.run('true', { pidMode: 'container:nobody' })).rejects.toThrow('no such container');
  });
});

describe('own ways', () => {
  test('network none: a loopback, up, and nothing else', async () => {
    const { output } = await host.run('ip -o link | cut -d" " -f2; cat /sys/class/net/lo/flags; ping -c1 -w2 127.0.0.1 >/dev/null && echo answers', { networkMode: 'none' }, { netnsPath: '' });
    expect(output.trim().split('\n')).toEqual(['lo:', '0x9', 'answers']);
  });

  test('ipc none: no shared memory; its size otherwise', async () => {
    expect((await host.run('grep -c /dev/shm /proc/self/mountinfo', { ipcMode: 'none' })).output).toBe('0\n');
    expect((await host.run('df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2', { shmSizeBytes: 8 << 20 })).output).toBe('8192\n');
  });

  test('domain name', async () => {
    expect((await host.run('cat /proc/sys/kernel/domainname', { domainname: 'example.org' })).output).toBe('example.org\n');
  });
});

describe('user namespaces', () => {
  const usernsMode = 'private';

  test('root inside is nobody outside, and owns what it should', async () => {
    const id = await host.start('touch /made /dev/shm/made; stat -c "%u:%g %n" / /made /etc/hosts /dev/null /dev /dev/shm/made /bin/sh /root; id -u; cat /proc/self/uid_map; echo ready; exec sleep 1000', { usernsMode });
    await host.untilPrinted(id, 'ready');
    const lines = (await host.logText(id)).trim().split('\n');
    expect(lines.slice(0, 8).map((line) => line.split(' ')[0])).toEqual(Array(8).fill('0:0'));
    expect(lines[8]).toBe('0');
    expect(lines[9]!.trim().split(/\s+/)).toEqual(['0', String(1 << 20), String(1 << 16)]);
    const status = readFileSync(`/proc/${await pidOf(id)}/status`, 'utf8');
    expect(/^Uid:\t(\d+)/m.exec(status)![1]).toBe(String(1 << 20));
    // On disk it is root's: nothing was copied, nothing changed its owner.
    expect(statSync(join(host.stateDir, 'writable', id, 'upper/made')).uid).toBe(0);
    const exec = await host.runtime.exec(id, { argv: ['sh', '-c', 'id -u; readlink /proc/self/ns/user; touch /made-by-exec && echo made'], timeoutMs: 20_000, maxOutputBytes: 1000 }, host.signal);
    expect(exec.output.trim().split('\n')).toEqual(['0', outside('user', await pidOf(id)), 'made']);
    await host.runtime.remove(id);
  });

  test('other users, their files, homes and output', async () => {
    const { output } = await host.run('id -u; id -g; echo out > /dev/stderr; stat -c %u /dev/stderr /proc/self/fd', { usernsMode, user: 'app' });
    expect(output.trim().split('\n').sort()).toEqual(['0', '1000', '1000', '1000', 'out']);
  });

  test('a volume belongs to the same ids with and without', async () => {
    const mounts = [{ type: 'volume' as const, source: 'shared', target: '/data' }];
    const first = await host.run('echo one > /data/one; chown 1000:1000 /data/one; stat -c %u:%g /data /data/one', { usernsMode, mounts });
    expect(first.output).toBe('0:0\n1000:1000\n');
    expect((await host.run('stat -c %u:%g /data/one; cat /data/one', { mounts })).output).toBe('1000:1000\none\n');
  });

  test("a new volume begins with the image's files and their owners", async () => {
    const directory = join(host.layer, 'filled');
    mkdirSync(directory);
    writeFileSync(join(directory, 'file'), 'from the image');
    execFileSync('chown', ['-R', '1000:1000', directory]);
    const { output } = await host.run('cat /filled/file; echo; stat -c %u:%g /filled /filled/file', { usernsMode, mounts: [{ type: 'volume', source: 'filled', target: '/filled' }] });
    expect(output.trim().split('\n')).toEqual(['from the image', '1000:1000', '1000:1000']);
  });

  test('a secret has the owner that it was given', async () => {
    const { output } = await host.run('stat -c %u:%g:%a /run/secrets/s; cat /run/secrets/s', { usernsMode }, { files: [{ target: '/run/secrets/s', data: Buffer.from('word'), uid: 1000, gid: 0, mode: 0o400 }] });
    expect(output).toBe('1000:0:400\nword\n');
  });

  test('masks hold even against one who may mount', async () => {
    const { output } = await host.run('umount /proc/keys; mount -o remount,rw,bind /proc/sys; mount -t tmpfs mine /root && echo mounted; cat /proc/keys | wc -c; echo 1 > /proc/sys/vm/drop_caches', { usernsMode, capabilityAdd: ['SYS_ADMIN'], securityOptions: { seccomp: { kind: 'unconfined' } } });
    expect(output).toContain('mounted');
    expect(output).toMatch(/umount: .*\n/);
    expect(output).toMatch(/^0$/m);
    expect(output).toMatch(/drop_caches: (Read-only file system|Permission denied)/);
  });

  test('what would make it the host again is refused', async () => {
    for (const spec of [{ privileged: true }, { pidMode: 'host' }, { networkMode: 'host' }]) {
      await expect(host.run('true', { usernsMode, ...spec })).rejects.toThrow('userns_mode: host');
    }
  });

  test('a terminal belongs to its user', async () => {
    const { output } = await host.run('tty; stat -c %u:%g $(tty)', { usernsMode, tty: true, user: 'app' });
    expect(output.trim().split(/\r?\n/)).toEqual(['/dev/pts/0', '1000:5']);
  });
});

describe('privileged', () => {
  test('all that we hold: capabilities, devices, writable system files, no filter, no masks', async () => {
    const { output } = await host.run("grep -E '^(CapEff|Seccomp):' /proc/self/status | cut -f2; stat -c %t:%T /dev/kmsg /dev/null; cd /sys/fs/cgroup; cd pids 2>/dev/null; test -w /proc/sys/vm/drop_caches && mkdir mine && rmdir mine && echo writable; cat /proc/timer_list | wc -c", { privileged: true });
    const [capabilities, seccomp, kmsg, zero, writable, masked] = output.trim().split('\n');
    expect(capabilities).toBe(/^CapPrm:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
    expect([seccomp, kmsg, zero, writable]).toEqual(['0', '1:b', '1:3', 'writable']);
    expect(Number(masked)).toBeGreaterThan(0);
  });

  test('may read what other containers may not', async () => {
    const script = 'head -c0 /dev/kmsg && echo opened';
    expect((await host.run(script, { privileged: true })).output).toBe('opened\n');
    expect((await host.run(`mknod /tmp/kmsg c 1 11; head -c0 /tmp/kmsg`, { capabilityAdd: ['SYSLOG'] })).output).toContain('Operation not permitted');
  });
});

describe('devices', () => {
  test('one, renamed, with fewer rights; a whole folder; none that does not exist', async () => {
    const capabilityAdd = ['SYSLOG']; // which /dev/kmsg wants besides
    const one = { hostPath: '/dev/kmsg', containerPath: '/dev/mine', permissions: 'r' };
    const { output } = await host.run('ls -l /dev/mine | cut -c1; head -c0 /dev/mine && echo opened; : > /dev/mine', { devices: [one], capabilityAdd });
    expect(output.split('\n').slice(0, 2)).toEqual(['c', 'opened']);
    expect(output).toContain('Operation not permitted');
    const folder = join(host.directory, 'nodes');
    mkdirSync(join(folder, 'below'), { recursive: true });
    execFileSync('mknod', [join(folder, 'a'), 'c', '1', '5']);
    execFileSync('mknod', [join(folder, 'below/b'), 'c', '1', '3']);
    expect((await host.run('cd /dev/own; stat -c %n a below/b', { devices: [{ hostPath: folder, containerPath: '/dev/own', permissions: 'rwm' }] })).output).toBe('a\nbelow/b\n');
    await expect(host.run('true', { devices: [{ ...one, hostPath: '/dev/nothing' }] })).rejects.toThrow('/dev/nothing');
  });

  test('a rule alone opens what a container makes itself', async () => {
    expect((await host.run('mknod /tmp/kmsg c 1 11; head -c0 /tmp/kmsg && echo opened', { deviceCgroupRules: ['c 1:11 r'], capabilityAdd: ['SYSLOG'] })).output).toBe('opened\n');
  });
});

describe('security options', () => {
  test('a profile of its own decides; unconfined has none', async () => {
    const text = JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }] });
    expect((await host.run('mkdir /tmp/x', { securityOptions: { seccomp: { kind: 'profile', text } } })).output).toContain('No space left on device');
    expect((await host.run('grep Seccomp: /proc/self/status | cut -f2', { securityOptions: { seccomp: { kind: 'unconfined' } } })).output).toBe('0\n');
    await expect(host.run('true', { securityOptions: { seccomp: { kind: 'profile', text: '{' } } })).rejects.toThrow('no JSON');
  });

  test('system paths unconfined', async () => {
    expect((await host.run('grep -c " /proc/" /proc/self/mountinfo', { securityOptions: { systemPaths: 'unconfined' } })).output).toBe('0\n');
  });

  test.runIf(!existsSync('/sys/kernel/security/apparmor'))('labels that this host cannot give are refused', async () => {
    await expect(host.run('true', { securityOptions: { apparmor: 'docker-default' } })).rejects.toThrow('AppArmor is not enabled on this node');
    await expect(host.run('true', { securityOptions: { label: { type: 'svirt_t' } } })).rejects.toThrow('SELinux is not enabled on this node');
    expect((await host.run('echo ok', { securityOptions: { apparmor: 'unconfined', label: { disable: true } } })).output).toBe('ok\n');
  });
});
