import { expect, it } from 'vitest';
import type { ServiceSpec } from '../../model/src/index.js';
import { optionTable } from '../src/option-table.js';
import { service as serviceShape } from '../src/schema/service-schema.js';
import { formatProblem, loadCompose, referencedFiles, toStackSpec } from '../src/index.js';

/** What becomes of the options that a swarm drops, or that only the Compose Specification has. */

const files: Record<string, string> = { '/w/p.json': '{"defaultAction":"SCMP_ACT_ALLOW"}', '/w/bad.json': '{', '/w/odd.json': '[]' };

function convert(text: string): { services: ServiceSpec[]; notes: string[]; problems: string[] } {
  const loaded = loadCompose({ files: [{ path: 'a.yml', text }], workingDir: '/w', env: {} });
  if (!loaded.ok) return { services: [], notes: [], problems: loaded.problems.map(formatProblem) };
  const stack = toStackSpec(loaded.config, 'st', (path) => files[path]);
  if (!stack.ok) return { services: [], notes: [], problems: stack.problems.map(formatProblem) };
  return { services: stack.spec.services, notes: [...loaded.notes, ...stack.notes].map(({ kind, path }) => `${kind} ${path}`), problems: [] };
}

function service(...lines: string[]): string {
  return `services:\n  a:\n    image: i\n${lines.map((line) => `    ${line}\n`).join('')}  b: {image: i}\n`;
}

function template(...lines: string[]): ServiceSpec['template'] {
  const { services, notes, problems } = convert(service(...lines));
  expect({ problems, notes }).toEqual({ problems: [], notes: [] });
  return services.find(({ name }) => name === 'st_a')!.template;
}

function problemsOf(...lines: string[]): string[] {
  return convert(service(...lines)).problems.map((text) => text.replace(/^\S+ {2}services\.a\./, ''));
}

it('the table of options names every key, and every key without effect is told at a deployment', () => {
  expect(Object.keys(optionTable).sort()).toEqual(Object.keys(serviceShape.map!.fields).sort());
  const valueOf: Record<string, string> = { build: '.', container_name: 'x', credential_spec: '{file: f}', isolation: 'hyperv' };
  const silent = Object.entries(optionTable).filter(([key, { effect }]) => {
    if (effect !== 'none') return false;
    const { notes, problems } = convert(service(`${key}: ${valueOf[key] ?? (key === 'storage_opt' ? '{size: 1g}' : '[b]')}`));
    return ![...notes, ...problems].some((text) => text.includes(`services.a.${key}`));
  });
  expect(silent).toEqual([]);
});

it('says whose namespaces a container has', () => {
  expect(template('pid: service:b', 'ipc: shareable', 'network_mode: host', 'userns_mode: host', 'cgroup: host', 'uts: host')).toMatchObject({
    container: { pidMode: 'service:st_b', ipcMode: 'shareable', networkMode: 'host', usernsMode: 'host', cgroupnsMode: 'host', utsMode: 'host' },
    networks: [],
  });
  expect(template('pid: host', 'ipc: container:x', 'network_mode: service:b', 'cgroupns_mode: private').container).toMatchObject({
    pidMode: 'host', ipcMode: 'container:x', networkMode: 'service:st_b', cgroupnsMode: 'private',
  });
});

it('takes the external network host for the network of the host, as files for a swarm say it', () => {
  const { services } = convert('services: {a: {image: i, networks: [h]}}\nnetworks: {h: {external: true, name: host}}\n');
  expect(services[0]?.template).toMatchObject({ container: { networkMode: 'host' }, networks: [] });
});

it('refuses namespaces that cannot be', () => {
  expect(problemsOf('pid: service:a', 'ipc: all', 'network_mode: service:c', 'userns_mode: keep-id', 'ports: ["80:80"]')).toEqual([
    'pid: a service cannot share its own namespaces',
    'ipc: "all" is no ipc namespace mode: it is private, shareable, none, host, service:NAME, container:NAME',
    'network_mode: the service "c" is not declared (did you mean "a"?)',
    'userns_mode: "keep-id" is no user namespace mode: it is private, host',
    'ports: ports cannot be published with network_mode service:st_c (publish them on the service whose network it shares)',
  ]);
  expect(problemsOf('network_mode: none', 'networks: [default]')).toEqual(['network_mode: network_mode and networks exclude each other (remove one of them)']);
});

it('says what a container may do with its host', () => {
  const options = ['privileged: true', 'devices: [/dev/fuse, "/dev/a:/dev/b:r", "/dev/c:rw"]', 'device_cgroup_rules: ["c 1:* rwm"]', 'cgroup_parent: jobs', 'mac_address: 02-42-AC-11-00-02', 'domainname: d', 'shm_size: 128M', 'group_add: [audio, 44]', 'oom_score_adj: -5', 'runtime: runc'];
  const { container } = template(...options);
  expect(container).toMatchObject({
    privileged: true,
    devices: [
      { hostPath: '/dev/fuse', containerPath: '/dev/fuse', permissions: 'rwm' },
      { hostPath: '/dev/a', containerPath: '/dev/b', permissions: 'r' },
      { hostPath: '/dev/c', containerPath: '/dev/c', permissions: 'rw' },
    ],
    deviceCgroupRules: ['c 1:* rwm'], cgroupParent: 'jobs', macAddress: '02:42:ac:11:00:02', domainname: 'd', shmSizeBytes: 134217728, groups: ['audio', '44'], oomScoreAdj: -5,
  });
  expect(container.runtime).toBeUndefined();
});

it('reads security options, and profiles from files that go along', () => {
  const { container } = template('security_opt: ["seccomp:p.json", "apparmor=x", "label=type:t", "no-new-privileges", "systempaths=unconfined"]');
  expect(container.securityOptions).toEqual({ seccomp: { kind: 'profile', text: files['/w/p.json'] }, apparmor: 'x', label: { type: 't' }, systemPaths: 'unconfined' });
  expect(container.privileges).toEqual({ noNewPrivileges: true });
  expect(template('security_opt: ["seccomp=unconfined", "no-new-privileges:false"]').container).toMatchObject({ securityOptions: { seccomp: { kind: 'unconfined' } } });
  const loaded = loadCompose({ files: [{ path: 'a.yml', text: service('security_opt: ["seccomp=p.json"]') }], workingDir: '/w', env: {} });
  expect(loaded.ok && referencedFiles(loaded.config)).toEqual(['/w/p.json']);
  expect(problemsOf('security_opt: ["seccomp=none.json", "seccomp=bad.json", "seccomp=odd.json", "labl=disable", "label=colour:red"]').map((text) => text.replace(/: (?:Expected|Unexpected).*/, ': …'))).toEqual([
    'security_opt[0]: the file /w/none.json cannot be read (name a seccomp profile, or unconfined)',
    'security_opt[1]: the file /w/bad.json is no seccomp profile: …',
    'security_opt[2]: the file /w/odd.json is no seccomp profile: it names no defaultAction',
    'security_opt[3]: "labl=disable" is not a security option (known are seccomp=PROFILE, apparmor=PROFILE, label=LABEL, no-new-privileges, systempaths=unconfined)',
    'security_opt[4]: "colour:red" is not a label (it is disable, or user:…, role:…, type:…, level:…)',
  ]);
});

it('reads limits of the service itself', () => {
  const limits = ['cpus: 1.5', 'mem_limit: 64m', 'memswap_limit: -1', 'mem_reservation: 32m', 'mem_swappiness: "10"', 'cpuset: "0-1,3"', 'cpu_shares: 512', 'pids_limit: 50', 'oom_kill_disable: true', 'blkio_config: {weight: 300, device_write_bps: [{path: /dev/a, rate: 1m}], device_read_iops: [{path: /dev/b, rate: 5}]}'];
  expect(template(...limits).resources).toEqual({
    limits: {
      nanoCpus: 1.5e9, memoryBytes: 64 * 2 ** 20, memorySwapBytes: -1, memoryReservationBytes: 32 * 2 ** 20, memorySwappiness: 10, cpusetCpus: '0-1,3', cpuShares: 512, pids: 50, oomKillDisable: true,
      blockIo: { weight: 300, writeBytesPerSecond: [{ path: '/dev/a', rate: 1048576 }], readsPerSecond: [{ path: '/dev/b', rate: 5 }] },
    },
  });
  expect(template('cpu_quota: 50ms', 'cpu_period: 100000').resources).toEqual({ limits: { cpuQuotaUs: 50_000, cpuPeriodUs: 100_000 } });
  expect(problemsOf('mem_limit: 64m', 'memswap_limit: 32m', 'mem_swappiness: 101', 'cpuset: all', 'blkio_config: {weight: 5}', 'deploy: {resources: {limits: {memory: 64m}}}')).toEqual([
    'mem_limit: deploy.resources.limits.memory says it as well (keep deploy.resources.limits.memory)',
    'memswap_limit: it is memory and swap together, and less than the limit of the memory alone',
    'mem_swappiness: 101 is not between 0 and 100',
    'cpuset: "all" is not a list of CPUs (it looks like "0-2,4")',
    'blkio_config: the weight 5 is not between 10 and 1000',
  ]);
});

it('counts devices as generic resources', () => {
  const devices = (text: string) => `deploy: {resources: {reservations: {devices: [${text}]}}}`;
  expect(template(devices('{capabilities: [gpu], driver: nvidia, count: 2}')).resources?.reservations).toEqual({ generic: [{ kind: 'gpu', value: 2 }] });
  expect(template(devices('{capabilities: [gpu], device_ids: ["0", "3"]}')).resources?.reservations).toEqual({ generic: [{ kind: 'gpu', id: '0' }, { kind: 'gpu', id: '3' }] });
  expect(problemsOf(devices('{capabilities: [gpu], count: all}'))).toEqual([
    'deploy.resources.reservations.devices[0]: "all" is not a number of devices (the scheduler counts them: write "count: 1", or device_ids)',
  ]);
});

it('mounts tmpfs with options, and binds with theirs', () => {
  const mounts = template('tmpfs: ["/run:size=64m,mode=755,uid=1000", /t]', 'volumes: [{type: bind, source: /s, target: /x, read_only: true, bind: {create_host_path: true, recursive: writable}}, {type: tmpfs, target: /m, tmpfs: {size: 1000, mode: 01770}}]').container.mounts;
  expect(mounts).toEqual([
    { type: 'bind', source: '/s', target: '/x', readOnly: true, createMountpoint: true, readOnlyNonRecursive: true },
    { type: 'tmpfs', target: '/m', sizeBytes: 1000, mode: 0o1770 },
    { type: 'tmpfs', target: '/run', options: ['size=64m', 'mode=755', 'uid=1000'] },
    { type: 'tmpfs', target: '/t' },
  ]);
});

it('refuses a runtime that no node has, and a size of the writable layer', () => {
  expect(problemsOf('storage_opt: {size: 1g}')).toEqual(["storage_opt: nodes cannot limit the size of a container's writable layer (mount a volume or a tmpfs with a size where the service writes much, and set read_only)"]);
  expect(problemsOf('runtime: kata')).toEqual(['runtime: there is no runtime "kata" on the nodes: containers run in the built-in one (remove the key)']);
});
