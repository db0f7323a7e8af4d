import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ApiTask } from '../harness/api.js';
import { useCluster } from '../harness/fixture.js';
import { must } from '../harness/run.js';
import { until } from '../harness/wait.js';

/** Options that Docker's swarm drops, as `docker run` and Compose mean them, seen from inside the containers of one stack. */

const test = useCluster({ nodes: 2, agentArgs: ['--generic', 'kmsg=/dev/kmsg', '--allow-binds', '/tmp/shoal-*', '--allow-binds', '/etc/host*'] });

const noMkdir = JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }] });

/** A shell's `sleep` as the first process hears no SIGTERM: the grace is short. */
const stack = `
services:
  box:
    image: shoal/busybox:1
    stop_grace_period: 1s
    command: [sh, -c, 'echo from box > /dev/shm/note; exec sleep 1000']
    hostname: box
    domainname: example.test
    ipc: shareable
    mac_address: 02:42:ac:11:00:07
    shm_size: 32m
    init: true
    group_add: ["44", "55"]
    oom_score_adj: 100
    cgroup_parent: jobs
    cpus: 0.5
    cpuset: "0"
    cpu_shares: 512
    mem_limit: 64m
    memswap_limit: 64m
    pids_limit: 40
    dns_opt: ["ndots:2", "timeout:1"]
    dns_search: [corp.test]
    extra_hosts: ["gateway:host-gateway", "peer:192.0.2.9"]
    sysctls: { net.core.somaxconn: 77, kernel.msgmax: 9000 }
    ulimits: { nofile: { soft: 100, hard: 200 }, core: 0 }
    devices: ["/dev/kmsg:/dev/kernel-log:r"]
    device_cgroup_rules: ["c 4:2 rwm"]
    cap_add: [SYSLOG]
    security_opt: [no-new-privileges]
    tmpfs: ["/scratch:size=64k,mode=750,uid=1000,exec"]
    volumes:
      - { type: tmpfs, target: /deep, tmpfs: { size: 8192, mode: 0700 } }
      - { type: volume, source: memory, target: /memory }
      - { type: volume, source: tree, target: /tree }
  side:
    image: shoal/busybox:1
    stop_grace_period: 1s
    command: [sleep, '1001']
    network_mode: service:box
    pid: service:box
    ipc: service:box
  bare: { image: shoal/busybox:1, stop_grace_period: 1s, command: [sleep, '1002'], network_mode: none }
  onhost:
    image: shoal/busybox:1
    stop_grace_period: 1s
    command: [sleep, '1003']
    networks: [host]
    pid: host
    ipc: host
    uts: host
  strong: { image: shoal/busybox:1, stop_grace_period: 1s, command: [sleep, '1004'], privileged: true }
  filtered:
    image: shoal/busybox:1
    stop_grace_period: 1s
    command: [sh, -c, 'mkdir /x 2>&1; exec sleep 1005']
    security_opt: ["seccomp=no-mkdir.json"]
  open: { image: shoal/busybox:1, stop_grace_period: 1s, command: [sleep, '1006'], security_opt: ["seccomp=unconfined", "systempaths=unconfined"] }
  logger:
    image: shoal/busybox:1
    stop_grace_period: 1s
    command: [sleep, '1007']
    deploy: { replicas: 2, resources: { reservations: { devices: [{ capabilities: [kmsg], count: 1 }] } } }
networks:
  host: { external: true, name: host }
volumes:
  memory: { driver: local, driver_opts: { type: tmpfs, device: tmpfs, o: "size=1m,mode=1770" }, labels: { team: a } }
  tree:
`;

const tasks = new Map<string, ApiTask>();
const pidOf = (name: string) => tasks.get(name)!.Status.ContainerStatus!.PID;
/** As an exec sees it, with the container's limits, devices and filters. */
const inside = async (name: string, script: string) => {
  const { status: code, stdout, stderr } = await test.cluster.shoal(['exec', `opt_${name}.1`, 'sh', '-c', script]);
  expect(code, stderr).toBe(0);
  return stdout.trim();
};
const status = (name: string, field: string) => new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pidOf(name)}/status`, 'utf8'))![1]!;
const namespace = (pid: number | string, kind: string) => readlinkSync(`/proc/${pid}/ns/${kind}`);

beforeAll(async () => {
  test.file('no-mkdir.json', noMkdir);
  const output = await test.deploy('opt', stack);
  expect(output).not.toMatch(/has no effect|ignored/);
  for (const name of ['box', 'side', 'bare', 'onhost', 'strong', 'filtered', 'open']) tasks.set(name, (await test.untilRunning(`opt_${name}`, 1))[0]!);
});

describe('one container', () => {
  it('has the names, addresses and name server options that it asks for', async () => {
    expect(await inside('box', 'hostname; cat /proc/sys/kernel/domainname')).toBe('box\nexample.test');
    expect(await inside('box', 'cat /sys/class/net/eth0/address')).toBe('02:42:ac:11:00:07');
    const hosts = await inside('box', 'cat /etc/hosts');
    expect(hosts).toMatch(/\tbox\.example\.test box$/m);
    expect(hosts).toMatch(/^192\.0\.2\.9 peer$/m);
    expect(hosts).toMatch(new RegExp(`^${process.env['SHOAL_TEST_PREFIX'] ?? '172.30.78'}\\.1[12] gateway$`, 'm'));
    expect(await inside('box', 'cat /etc/resolv.conf')).toBe('nameserver 127.0.0.11\nsearch corp.test\noptions ndots:2 timeout:1');
  });

  it('has its limits', async () => {
    expect(await inside('box', 'ulimit -Sn; ulimit -Hn; cat /proc/sys/net/core/somaxconn /proc/sys/kernel/msgmax /proc/1/oom_score_adj')).toBe('100\n200\n77\n9000\n100');
    expect(status('box', 'Cpus_allowed_list')).toBe('0');
    expect(status('box', 'NoNewPrivs')).toBe('1');
    expect(status('box', 'Groups').trim().split(' ')).toEqual(expect.arrayContaining(['44', '55']));
    const groups = readFileSync(`/proc/${pidOf('box')}/cgroup`, 'utf8');
    const memory = /^\d+:memory:(.*)$/m.exec(groups)![1]!;
    expect(memory).toMatch(/\/jobs\//);
    const limit = (file: string) => readFileSync(`/sys/fs/cgroup/memory${memory}/${file}`, 'utf8').trim();
    expect([limit('memory.limit_in_bytes'), limit('memory.memsw.limit_in_bytes')]).toEqual([String(64 << 20), String(64 << 20)]);
    const shares = readFileSync(`/sys/fs/cgroup/cpu${/^\d+:(?:cpu|cpu,cpuacct):(.*)$/m.exec(groups)![1]!}/cpu.shares`, 'utf8').trim();
    expect(shares).toBe('512');
  });

  it('has an init, its devices, and its file systems', async () => {
    expect(await inside('box', 'cat /proc/1/cmdline | tr "\\0" " "')).toMatch(/init -- sh -c|init sh -c/);
    expect(await inside('box', 'true < /dev/kernel-log && echo read; (true > /dev/kernel-log) 2>&1; for n in 1 2; do mknod /tty$n c 4 $n; (true < /tty$n) 2>&1; done; true')).toMatch(/^read\n.*kernel-log: Operation not permitted\n.*tty1: Operation not permitted(?!.*tty2: Operation not permitted)/s);
    expect(await inside('box', 'df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2; df -k /scratch | tail -1 | tr -s " " | cut -d" " -f2; stat -c "%a %u" /scratch; stat -c %a /deep')).toBe('32768\n64\n750 1000\n700');
    expect(await inside('box', 'grep " /scratch " /proc/mounts')).not.toContain('noexec');
    expect(await inside('box', 'df -k /memory | tail -1 | tr -s " " | cut -d" " -f2; stat -c %a /memory')).toBe('1024\n1770');
  });
});

describe('namespaces', () => {
  it('of another service are those of its task, on its node', async () => {
    for (const kind of ['net', 'pid', 'ipc']) expect(namespace(pidOf('side'), kind), kind).toBe(namespace(pidOf('box'), kind));
    for (const kind of ['mnt', 'uts']) expect(namespace(pidOf('side'), kind), kind).not.toBe(namespace(pidOf('box'), kind));
    expect(tasks.get('side')!.NodeID).toBe(tasks.get('box')!.NodeID);
    expect(await inside('side', 'cat /dev/shm/note; ps | grep -c "sleep 100[01]"')).toMatch(/^from box\n[2-9]/);
    expect(await inside('side', 'cat /etc/resolv.conf')).toContain('nameserver 127.0.0.11');
  });

  it('of the host are the host\'s', async () => {
    const node = test.cluster.hosts.find((host) => host.record.programs.agent && namespace(host.record.programs.agent.pid, 'net') === namespace(pidOf('onhost'), 'net'));
    expect(node).toBeDefined();
    for (const kind of ['pid', 'ipc', 'uts']) expect(namespace(pidOf('onhost'), kind), kind).toBe(namespace(node!.record.programs.agent!.pid, kind));
    expect(await inside('onhost', 'ls /sys/class/net')).toContain('lo');
  });

  it('without a network is loopback only', async () => {
    expect(await inside('bare', 'ls /sys/class/net; cat /sys/class/net/lo/operstate')).toMatch(/^lo\n(unknown|up)$/);
  });
});

describe('security', () => {
  it('privileged is all that the node holds, without a filter, with a writable /sys', async () => {
    expect(status('strong', 'CapEff')).toBe(/^CapBnd:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
    expect([status('strong', 'Seccomp'), status('box', 'Seccomp'), status('open', 'Seccomp')]).toEqual(['0', '2', '0']);
    expect(await inside('strong', 'grep " /sys " /proc/mounts')).toMatch(/ rw,/);
    expect(await inside('strong', 'test -c /dev/kmsg && echo there')).toBe('there');
    expect(await inside('open', 'grep -c " /proc/kcore " /proc/mounts || true')).toBe('0');
  });

  it('a seccomp profile of the user\'s is sent along and obeyed', async () => {
    const { stdout } = await until('the log has it', async () => {
      const result = await test.cluster.shoal(['service', 'logs', 'opt_filtered']);
      return result.stdout.includes('mkdir') && result;
    });
    expect(stdout).toMatch(/mkdir: can't create directory '\/x': Operation not permitted/);
  });

  it('what a node does not allow is told with node, option and flag', async () => {
    const { status: exit, output } = await test.tryDeploy('forbidden', 'services: { a: { image: shoal/busybox:1, command: [sleep, "9"], volumes: ["/root:/x"], deploy: { restart_policy: { condition: none } } } }', '--timeout', '30s');
    expect(exit).not.toBe(0);
    expect(output).toMatch(/node node-[12] does not allow mounts of \/root \(its agent says --allow-binds \/tmp\/shoal-\* --allow-binds \/etc\/host\*\)/);
    await test.remove('forbidden');
  });
});

it('each task gets a device of its own, and one too many waits', async () => {
  const holders = await test.untilRunning('opt_logger', 2);
  expect(new Set(holders.map(({ NodeID }) => NodeID)).size).toBe(2);
  for (const task of holders) expect((await must(test.inside(task, ['sh', '-c', 'test -c /dev/kmsg && tr "\\0" "\\n" < /proc/1/environ | grep DOCKER_RESOURCE']))).trim()).toBe('DOCKER_RESOURCE_KMSG=/dev/kmsg');
  const scaled = await test.cluster.shoal(['service', 'scale', '--detach', 'opt_logger=3']);
  expect(scaled.status, scaled.stderr).toBe(0);
  await until('the third waits', async () => (await test.tasks('opt_logger')).some((task) => task.Status.State === 'pending' && /needs 1 kmsg, at most 0 free/.test(task.Status.Err ?? '')));
});

it('who shares namespaces ends with their owner and finds the next one', async () => {
  const before = tasks.get('side')!;
  process.kill(pidOf('box'), 'SIGKILL');
  const ended = await until('it has ended with it', async () => (await test.tasks('opt_side')).find((task) => task.ID === before.ID && task.Status.State === 'failed'));
  expect(ended!.Status.Err).toMatch(/a container whose namespaces it shares has ended|killed by SIGKILL/);
  const [box] = await test.untilRunning('opt_box', 1);
  const [side] = await test.untilRunning('opt_side', 1);
  expect(namespace(side!.Status.ContainerStatus!.PID, 'net')).toBe(namespace(box!.Status.ContainerStatus!.PID, 'net'));
});

it('an update by the docker CLI keeps what Docker has no word for', async () => {
  const result = await test.cluster.docker(['service', 'update', '--detach', '--label-add', 'x=y', 'opt_strong']);
  expect(result.status, result.stderr).toBe(0);
  expect((await test.running('opt_strong'))[0]!.ID).toBe(tasks.get('strong')!.ID);
  const forced = await test.cluster.docker(['service', 'update', '--detach', '--force', 'opt_strong']);
  expect(forced.status, forced.stderr).toBe(0);
  const [next] = await until('it is a new task', async () => {
    const running = await test.untilRunning('opt_strong', 1);
    return running[0]!.ID !== tasks.get('strong')!.ID && running;
  });
  expect(/^Seccomp:\s*(.*)$/m.exec(readFileSync(`/proc/${next!.Status.ContainerStatus!.PID}/status`, 'utf8'))![1]).toBe('0');
});

it('volumes of the nodes are listed, guarded while in use, made, and removed', async () => {
  const docker = (...args: string[]) => test.cluster.docker(['volume', ...args]);
  expect((await docker('ls', '--format', '{{.Name}}')).stdout.trim().split('\n')).toEqual(expect.arrayContaining(['opt_memory', 'opt_tree']));
  expect(JSON.parse((await docker('inspect', 'opt_memory')).stdout)).toMatchObject([{ Driver: 'local', Labels: { team: 'a' }, Options: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,mode=1770' } }]);
  expect((await test.cluster.shoal(['volume', 'ls', '--format', '{{.Name}} {{.Users}}'])).stdout).toContain('opt_memory 1 container\n');
  expect((await test.cluster.shoal(['volume', 'rm', 'opt_memry'])).stderr).toContain('no such volume: opt_memry. Did you mean opt_memory?');
  expect((await docker('rm', 'opt_memory')).stderr).toContain('volume is in use - [');
  expect((await docker('create', '--label', 'spare=1', 'spare')).stdout.trim()).toBe('spare');
  expect((await docker('ls', '-q', '--filter', 'dangling=true', '--filter', 'label=spare')).stdout.trim()).toBe('spare');
  expect((await docker('rm', 'spare')).stdout.trim()).toBe('spare');
  expect((await docker('rm', 'spare')).stderr).toContain('get spare: no such volume');
  expect((await test.cluster.shoal(['volume', 'create', 'spare'])).stdout.trim()).toBe('spare');
  expect((await test.cluster.shoal(['volume', 'prune', '--all', '--force'])).stdout).toContain('spare\n');
});

it('everything goes with the stack', async () => {
  const pids = (await Promise.all([...tasks.keys()].map((name) => test.running(`opt_${name}`)))).flat().map((task) => task.Status.ContainerStatus!.PID);
  expect(pids.length).toBe(tasks.size);
  await test.remove('opt');
  expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  expect((await test.cluster.docker(['volume', 'rm', 'opt_memory', 'opt_tree'])).stdout.trim().split('\n')).toEqual(['opt_memory', 'opt_tree']);
});
