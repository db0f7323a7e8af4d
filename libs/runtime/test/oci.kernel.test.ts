import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync, copyFileSync, symlinkSync, existsSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exampleSpec } from '../src/oci/example-spec.js';
import type { OciSpec, OciState } from '../src/oci/index.js';

const program = join(process.cwd(), 'dist/runtime/shoal-runtime.cjs');
let work: string;

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'shoal-oci-'));
  mkdirSync(join(work, 'bundle/rootfs/bin'), { recursive: true });
  mkdirSync(join(work, 'bundle/rootfs/etc'));
  writeFileSync(join(work, 'bundle/rootfs/etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  copyFileSync(execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim(), join(work, 'bundle/rootfs/bin/busybox'));
  for (const applet of ['sh', 'cat', 'sleep', 'id', 'env', 'test', 'hostname', 'mount', 'ls', 'cut', 'grep']) symlinkSync('busybox', join(work, 'bundle/rootfs/bin', applet));
});

afterAll(() => {
  for (const id of run('list', '-q').stdout.split('\n').filter(Boolean)) run('delete', '--force', id);
  rmSync(work, { recursive: true, force: true });
});

function run(...args: string[]) {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(program, ['--root', join(work, 'root'), ...args], { encoding: 'utf8', timeout: 30_000, env, cwd: join(work, 'bundle') });
  return { status, stdout, stderr };
}

/** What stays behind it has its standard streams: nothing here may wait for their end. */
function leave(...args: string[]): number | null {
  return spawnSync(program, ['--root', join(work, 'root'), ...args], { stdio: 'ignore', timeout: 30_000, cwd: join(work, 'bundle') }).status;
}

/** With a bundle whose config is the example's, changed. */
function bundle(change: (spec: OciSpec) => void): void {
  const spec = exampleSpec(false);
  spec.process!.terminal = false;
  spec.linux!.cgroupsPath = `/shoal-oci-test-${process.pid}/${Math.floor(performance.now())}`;
  change(spec);
  writeFileSync(join(work, 'bundle/config.json'), JSON.stringify(spec));
}

function command(...argv: string[]) {
  return (spec: OciSpec) => void (spec.process!.args = argv);
}

function stateOf(id: string): OciState {
  return JSON.parse(run('state', id).stdout) as OciState;
}

describe('a bundle on the command line', () => {
  test('lives through create, start, exec, pause, kill and delete', () => {
    bundle(command('sleep', '1000'));
    expect(leave('create', '--pid-file', join(work, 'pid'), 'life')).toBe(0);
    expect(stateOf('life')).toMatchObject({ id: 'life', status: 'created', pid: Number(readFileSync(join(work, 'pid'), 'utf8')), bundle: join(work, 'bundle') });
    expect(run('start', 'life').status).toBe(0);
    expect(stateOf('life').status).toBe('running');
    expect(run('exec', 'life', 'sh', '-c', 'echo inside; exit 9')).toMatchObject({ status: 9, stdout: 'inside\n' });
    expect(run('pause', 'life').status).toBe(0);
    expect(stateOf('life').status).toBe('paused');
    expect(run('exec', 'life', 'id')).toMatchObject({ status: 255 });
    expect(run('resume', 'life').status).toBe(0);
    expect(run('delete', 'life').stderr).toContain('not stopped');
    expect(run('delete', '--force', 'life').status).toBe(0);
    expect(run('state', 'life').stderr).toContain('container does not exist');
  });

  test('passes output and exit status of the program on', () => {
    bundle(command('sh', '-c', 'echo out; echo err >&2; exit 7'));
    expect(run('run', 'front')).toEqual({ status: 7, stdout: 'out\n', stderr: 'err\n' });
    expect(run('list', '-q').stdout).toBe('');
  });

  test('tells when it is created that its program is missing, as JSON where the caller looks', () => {
    bundle(command('nosuch'));
    expect(run('--log', join(work, 'log'), '--log-format', 'json', 'create', 'missing').status).toBe(1);
    expect(JSON.parse(readFileSync(join(work, 'log'), 'utf8'))).toMatchObject({ level: 'error', msg: 'exec: "nosuch": executable file not found in $PATH' });
    expect(existsSync(join(work, 'root/missing'))).toBe(false);
  });

  test('gives the user its ids and nothing else', () => {
    bundle((spec) => {
      command('id')(spec);
      spec.process!.user = { uid: 1000, gid: 1001, additionalGids: [5] };
    });
    expect(run('run', 'user').stdout).toBe('uid=1000 gid=1001 groups=5\n');
  });

  test('runs hooks outside and inside, the state on their standard input', () => {
    const seen = (name: string) => join(work, `hook-${name}`);
    const hook = (name: string) => [{ path: '/bin/sh', args: ['sh', '-c', `cat > ${seen(name)}`] }];
    bundle((spec) => {
      command('sh', '-c', 'test -e /tmp/inside')(spec);
      spec.root!.readonly = false;
      spec.hooks = {
        createRuntime: hook('createRuntime'), createContainer: hook('createContainer'), poststart: hook('poststart'), poststop: hook('poststop'),
        startContainer: [{ path: '/bin/sh', args: ['sh', '-c', 'mkdir -p /tmp; cat > /tmp/inside'] }],
      };
    });
    expect(run('run', 'hooked').status).toBe(0);
    for (const name of ['createRuntime', 'createContainer', 'poststart', 'poststop']) expect(JSON.parse(readFileSync(seen(name), 'utf8'))).toMatchObject({ id: 'hooked' });
  });

  test('goes on when a hook fails that nothing depends on any more, and ends when one fails that it needs', () => {
    const failing = [{ path: '/bin/false' }];
    bundle((spec) => {
      command('sh', '-c', 'echo ran')(spec);
      spec.hooks = { poststart: failing, poststop: failing };
    });
    const { status, stdout, stderr } = run('run', 'warned');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'ran\n' });
    expect(stderr).toMatch(/warning.*poststart hook #0[^]*warning.*poststop hook #0/);
    for (const point of ['createRuntime', 'createContainer', 'startContainer'] as const) {
      bundle((spec) => {
        command('sh', '-c', 'echo ran')(spec);
        spec.hooks = { [point]: [{ path: '/bin/busybox', args: ['false'] }, { path: '/no/such/hook' }] };
      });
      expect(run('run', 'failed')).toMatchObject({ status: 1, stdout: '' });
    }
    expect(run('list', '-q').stdout).toBe('');
  });

  test('says how a hook ended that the start needs', () => {
    const ended = (script: string, more: object = {}) => {
      bundle((spec) => {
        command('sh', '-c', 'echo ran')(spec);
        spec.hooks = { startContainer: [{ path: '/bin/sh', args: ['sh', '-c', script], ...more }] };
      });
      return run('run', 'hook-end').stderr;
    };
    expect(ended('exit 3')).toContain('error running hook: startContainer: exit status 3');
    expect(ended('kill -SEGV $$')).toContain('signal: segmentation fault');
    expect(ended('sleep 100', { timeout: 1 })).toContain('took longer than its timeout');
  });

  const mapped = [{ containerID: 0, hostID: 100000, size: 65536 }];
  /** A root that belongs to who is root inside is the bundle's business: nobody writes to this one. */
  const inUserNamespace = (...argv: string[]) => (spec: OciSpec) => {
    command(...argv)(spec);
    spec.linux!.namespaces!.push({ type: 'user' });
    Object.assign(spec.linux!, { uidMappings: mapped, gidMappings: mapped });
    for (const set of ['bounding', 'effective', 'permitted'] as const) spec.process!.capabilities![set]!.push('CAP_SYS_ADMIN', 'CAP_NET_RAW');
  };

  test('owns, with a user namespace, the other namespaces that come with it', () => {
    bundle(inUserNamespace('sh', '-c', 'hostname inside && hostname && mount -t proc proc /dev/shm && test -e /dev/shm/1 && cat /proc/self/uid_map && ls -ldn /dev/pts | cut -c14-40 && echo $$'));
    const { status, stdout, stderr } = run('run', 'owned');
    expect({ status, stderr, lines: stdout.split('\n').map((line) => line.trim().replace(/ +/g, ' ')) }).toMatchObject({ status: 0, stderr: '', lines: ['inside', '0 100000 65536', /* its own */ expect.stringMatching(/ 0 0$/), '1', ''] });
    expect(run('list', '-q').stdout).toBe('');
  });

  test('is joined by an exec as the root of its user namespace, and tells the host its process', () => {
    bundle(inUserNamespace('sleep', '1000'));
    expect(leave('run', '--detach', 'userns')).toBe(0);
    const { pid } = stateOf('userns');
    expect(readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().split(/ +/)).toEqual(['0', '100000', '65536']);
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^Uid:\t100000\t/m);
    expect(run('exec', 'userns', 'sh', '-c', 'id -u; mount -t proc proc /dev/shm && test -e /dev/shm/1 && echo mounted')).toMatchObject({ status: 0, stdout: '0\nmounted\n' });
    expect(run('delete', '--force', 'userns').status).toBe(0);
    expect(run('state', 'userns').stderr).toContain('does not exist');
  });

  test('leaves nothing of a container with a user namespace that cannot be built', () => {
    bundle((spec) => {
      inUserNamespace('sleep', '1000')(spec);
      spec.mounts!.push({ destination: '/nowhere', type: 'tmpfs', source: 'tmpfs', options: ['nosuchoption'] });
    });
    expect(run('run', 'unbuilt')).toMatchObject({ status: 1, stderr: expect.stringContaining('nosuchoption') });
    expect(run('list', '-q').stdout).toBe('');
  });

  test('runs an exec on the processors that its config names', () => {
    bundle((spec) => {
      command('sleep', '1000')(spec);
      spec.process!.execCPUAffinity = { initial: '0', final: String(Math.min(1, availableParallelism() - 1)) };
    });
    expect(leave('run', '--detach', 'affinity')).toBe(0);
    const last = Math.min(1, availableParallelism() - 1);
    expect(run('exec', 'affinity', 'grep', 'Cpus_allowed_list', '/proc/self/status').stdout.trim()).toMatch(new RegExp(`\\t${last}$`));
    expect(run('exec', 'affinity', 'grep', 'Cpus_allowed_list', '/proc/1/status').stdout.trim()).toMatch(new RegExp(availableParallelism() > 1 ? '\\t0-' : '\\t0$'));
    writeFileSync(join(work, 'process.json'), JSON.stringify({ cwd: '/', args: ['id'], execCPUAffinity: { final: '3-1' } }));
    expect(run('exec', '--process', join(work, 'process.json'), 'affinity').stderr).toContain('invalid CPU list');
    expect(run('delete', '--force', 'affinity').status).toBe(0);
  });

  test('has clocks of its own', () => {
    bundle((spec) => {
      command('sh', '-c', "cut -d' ' -f1 /proc/uptime; cat /proc/self/timens_offsets")(spec);
      spec.linux!.namespaces!.push({ type: 'time' });
      spec.linux!.timeOffsets = { boottime: { secs: 1_000_000_000 }, monotonic: { secs: 5 } };
    });
    const { status, stdout, stderr } = run('run', 'clocks');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(Number(stdout.split('\n')[0])).toBeGreaterThan(1_000_000_000);
  });

  test('has a personality and priorities of its own', () => {
    bundle((spec) => {
      command('sh', '-c', "cat /proc/self/personality; cut -d' ' -f19,41 /proc/self/stat")(spec);
      spec.linux!.personality = { domain: 'LINUX32' };
      spec.process!.scheduler = { policy: 'SCHED_BATCH', nice: 7 };
      spec.process!.ioPriority = { class: 'IOPRIO_CLASS_IDLE', priority: 0 };
    });
    expect(run('run', 'priorities')).toEqual({ status: 0, stdout: '00000008\n7 3\n', stderr: '' });
  });

  test('is created without a process, and cannot be started', () => {
    bundle((spec) => void delete spec.process);
    expect(leave('create', 'empty')).toBe(0);
    expect(run('start', 'empty').stderr).toContain('without a process');
    expect(stateOf('empty').status).toBe('created');
    expect(run('delete', 'empty').status).toBe(0);
  });

  test('keeps to the order of operations', () => {
    bundle(command('sleep', '1000'));
    expect(leave('create', 'order')).toBe(0);
    expect(run('create', 'order').stderr).toContain('already exists');
    expect(run('start', 'order').status).toBe(0);
    expect(run('start', 'order').stderr).toContain('already running');
    expect(run('delete', 'order').stderr).toContain('not stopped');
    expect(run('kill', 'order', 'NOSUCH').status).toBe(1);
    expect(run('kill', 'order', 'KILL').status).toBe(0);
    const ended = () => stateOf('order').status === 'stopped';
    for (const deadline = performance.now() + 10_000; !ended() && performance.now() < deadline; );
    expect(stateOf('order')).toMatchObject({ status: 'stopped' });
    expect(run('kill', 'order').stderr).toContain('not running');
    expect(run('start', 'order').stderr).toContain('has stopped');
    expect(run('delete', 'order').status).toBe(0);
    for (const operation of ['state', 'start', 'kill', 'delete']) {
      expect(run(operation, 'order').stderr).toContain('does not exist');
      expect(run(operation).status).toBe(1);
    }
  });

  test('leaves out what this machine cannot grant, and says so', () => {
    bundle((spec) => {
      command('sh', '-c', 'echo ran')(spec);
      spec.process!.capabilities!.bounding!.push('CAP_NO_SUCH');
      if (!existsSync('/sys/fs/selinux/enforce')) spec.linux!.mountLabel = 'system_u:object_r:container_file_t:s0';
    });
    const { status, stdout, stderr } = run('run', 'left-out');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'ran\n' });
    expect(stderr).toMatch(/level=warning.*CAP_NO_SUCH/);
    if (!existsSync('/sys/fs/selinux/enforce')) expect(stderr).toMatch(/level=warning.*mountLabel/);
  });

  test('takes a device that is there already when it is the same one', () => {
    const device = (minor: number) => (spec: OciSpec) => {
      command('test', '-c', '/etc/device')(spec);
      spec.root!.readonly = false;
      spec.linux!.devices = [{ path: '/etc/device', type: 'c', major: 1, minor }];
    };
    bundle(device(3));
    expect(run('run', 'made').status).toBe(0);
    expect(run('run', 'found').status).toBe(0);
    bundle(device(5));
    expect(run('run', 'other').stderr).toContain('file exists');
    rmSync(join(work, 'bundle/rootfs/etc/device'));
  });

  test.each<[string, (spec: OciSpec) => void]>([
    ['twice', (spec) => void (spec.process!.rlimits = [{ type: 'RLIMIT_CORE', soft: 0, hard: 0 }, { type: 'RLIMIT_CORE', soft: 0, hard: 0 }])],
    ['not absolute', (spec) => void (spec.linux!.maskedPaths = ['etc'])],
    ['must be an absolute path', (spec) => void (spec.process!.cwd = 'etc')],
    ['no major and minor', (spec) => void (spec.linux!.devices = [{ path: '/dev/x', type: 'c' }])],
    ['is empty', (spec) => void (spec.annotations = { '': 'x' })],
    ['knows 1.x', (spec) => void (spec.ociVersion = '2.0.0')],
    ['does not exist', (spec) => void (spec.root!.path = 'nowhere')],
    ['cannot enter the user namespace', (spec) => void spec.linux!.namespaces!.push({ type: 'user', path: '/proc/self/ns/net' })],
  ])('refuses a config: %s', (words, change) => {
    bundle((spec) => {
      command('sh', '-c', 'echo ran')(spec);
      change(spec);
    });
    expect(run('run', 'refused')).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining(words) });
    expect(run('list', '-q').stdout).toBe('');
  });

  test('refuses what it cannot do', () => {
    bundle((spec) => void (spec.linux!.intelRdt = {}));
    expect(run('create', 'rdt').stderr).toContain('intelRdt is not supported');
    bundle((spec) => void spec.linux!.namespaces!.push({ type: 'pid' }));
    expect(run('create', 'double').stderr).toContain('duplicated ns');
    expect(run('create', '../escape').stderr).toContain('invalid container ID');
    expect(run('--systemd-cgroup', 'create', 'systemd').stderr).toContain('systemd cgroup manager is not supported');
  });
});
