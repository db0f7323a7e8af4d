import { expect, test } from 'vitest';
import { checkNetworkSpec, checkSecretSpec, checkServiceAgainst, checkServiceSpec, isImageReference, notExecuted, type ContainerSpec, type NetworkSpec, type PortConfig, type ServiceSpec, type TaskTemplate } from '../src/index.js';
import { aService, aTemplate, viewOf } from '../src/testing/index.js';

type Parts = Partial<Omit<ServiceSpec, 'template'>> & { template?: Partial<Omit<TaskTemplate, 'container'>>; container?: Partial<ContainerSpec> };

function spec({ template, container, ...rest }: Parts = {}): ServiceSpec {
  return { name: 'web', labels: {}, mode: { kind: 'replicated', replicas: 1 }, template: aTemplate({ ...template, container }), ...rest };
}

const words = (parts: Parts) => checkServiceSpec(spec(parts)).map(({ code, message }) => `${code}: ${message}`);
const ports = (...list: Partial<PortConfig>[]): PortConfig[] => list.map((port) => ({ targetPort: 80, ...port }));

test('an ordinary service has no problems', () => {
  expect(words({})).toEqual([]);
  expect(words({ container: { image: 'registry.example:5000/a/b_c:1@sha256:' + 'a'.repeat(64) }, endpoint: { mode: 'dnsrr', ports: ports({ publishedPort: 80, publishMode: 'host' }) } })).toEqual([]);
});

test('every problem has its words, and all are found at once', () => {
  const cases: [Parts, string][] = [
    [{ name: 'a.b' }, 'invalid: name must be valid as a DNS name component'],
    [{ name: 'a'.repeat(64) }, 'invalid: name must be 63 characters or fewer'],
    [{ container: { image: '' } }, 'invalid: ContainerSpec: image reference must be provided'],
    [{ container: { image: 'UPPER/Bad Image' } }, 'invalid: ContainerSpec: "UPPER/Bad Image" is not a valid repository/tag'],
    [{ container: { mounts: [{ type: 'npipe', source: 'a', target: '/b' }] } }, 'unsupported: mount /b: type npipe is not available; use volume, bind or tmpfs'],
    [{ container: { mounts: [{ type: 'tmpfs', target: 'b' }] } }, `invalid: invalid mount config for type "tmpfs": invalid mount path: 'b' mount path must be absolute`],
    [{ container: { mounts: [{ type: 'tmpfs', target: '/b' }, { type: 'volume', source: 'v', target: '/b' }] } }, 'invalid: ContainerSpec: duplicate mount point: /b'],
    [{ container: { secrets: ['a', 'b'].map((name) => ({ id: '', name, file: { name: 'same', uid: '0', gid: '0', mode: 0 } })) } }, `invalid: secret references 'a' and 'b' have a conflicting target: 'same'`],
    [{ container: { healthcheck: { test: [], intervalNs: 5 } } }, 'invalid: ContainerSpec: Interval in HealthConfig cannot be less than 1ms'],
    [{ template: { resources: { limits: { memoryBytes: 1024 } } } }, 'invalid: invalid memory value 1024: Must be at least 4MiB'],
    [{ template: { resources: { reservations: { nanoCpus: 5 } } } }, 'invalid: invalid cpu value 5e-9: Must be at least 0.001'],
    [{ template: { restart: { condition: 'sometimes' as never } } }, 'invalid: invalid RestartCondition: "sometimes"'],
    [{ template: { placement: { constraints: ['node.role'], preferences: [], platforms: [] } } }, 'invalid: constraint expected one operator from ==, !=: node.role'],
    [{ template: { placement: { constraints: ['node.ip==10.0.0.0/33'], preferences: [], platforms: [] } } }, "invalid: '10.0.0.0/33' in constraint node.ip==10.0.0.0/33 is neither an address nor a subnet: write one like 10.0.0.7 or 10.0.0.0/24"],
    [{ container: { pidMode: 'none' } }, 'invalid: ContainerSpec: "none" is no pid namespace mode: it is private, host, service:NAME, container:NAME'],
    [{ container: { ipcMode: 'service:web' } }, 'invalid: ContainerSpec: service web cannot share its own ipc namespace'],
    [{ container: { networkMode: 'host' }, template: { networks: [{ target: 'n', aliases: [] }] } }, 'invalid: a service with network mode host cannot be attached to networks'],
    [{ container: { networkMode: 'service:b' }, endpoint: { ports: ports({}) } }, 'invalid: a service with network mode service:b cannot publish ports: it has no network of its own'],
    [{ container: { devices: [{ hostPath: 'a', containerPath: '/b', permissions: 'r' }] } }, 'invalid: ContainerSpec: invalid device a:/b:r'],
    [{ container: { deviceCgroupRules: ['x'] } }, 'invalid: ContainerSpec: invalid device cgroup rule "x": it looks like "c 10:229 rwm"'],
    [{ container: { runtime: 'kata' } }, 'unsupported: ContainerSpec: there is no runtime "kata" on the nodes: containers run in the built-in one'],
    [{ container: { cgroupParent: '../x' } }, 'invalid: ContainerSpec: invalid cgroup parent "../x"'],
    [{ template: { runtime: 'plugin' } }, 'unsupported: runtime plugin is not available: services run containers'],
    [{ mode: { kind: 'replicated', replicas: -1 } }, 'invalid: invalid number of replicas: it must be a whole number from 0'],
    [{ mode: { kind: 'global-job' }, template: { restart: { condition: 'any' } } }, 'invalid: jobs must not have restart condition "any"; use none or on-failure'],
    [{ update: { parallelism: 1, failureAction: 'panic' as never } }, 'invalid: unrecognized update failure action panic'],
    [{ rollback: { parallelism: 1, failureAction: 'rollback' } }, 'invalid: unrecognized rollback failure action rollback'],
    [{ update: { parallelism: 1, maxFailureRatio: 2 } }, 'invalid: TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1'],
    [{ endpoint: { ports: ports({ publishedPort: 80 }, { publishedPort: 80, targetPort: 81 }) } }, 'invalid: EndpointSpec: duplicate published ports provided: 80/tcp'],
    [{ endpoint: { ports: ports({ targetPort: 0 }) } }, 'invalid: EndpointSpec: invalid target port 0'],
    [{ endpoint: { ports: ports({ publishedPort: 70000 }) } }, 'invalid: EndpointSpec: invalid published port 70000'],
  ];
  for (const [parts, message] of cases) expect(words(parts)).toEqual([message]);
  expect(words({ name: '-', container: { image: '' } })).toHaveLength(2);
});

test('references of images', () => {
  for (const good of ['a', 'a/b', 'a:1', 'host.example/a', 'host:5000/a/b:v1.2', 'localhost/a', 'a@sha256:' + '0'.repeat(64), 'a__b', '[::1]:5000/a']) expect([good, isImageReference(good)]).toEqual([good, true]);
  for (const bad of ['', 'A', 'a b', 'a:', 'a:-x', '/a', 'a//b', 'a@sha256:12', 'http://a/b', 'a..b']) expect([bad, isImageReference(bad)]).toEqual([bad, false]);
});

test('ports and names of other services', () => {
  const owner = aService({
    id: 'owner-id',
    spec: { name: 'owner', endpoint: { ports: ports({ publishedPort: 8080 }, { targetPort: 90, publishMode: 'host' }) } },
    status: { ports: ports({ publishedPort: 7070 }, { targetPort: 90, publishedPort: 9090, publishMode: 'host' }) },
  });
  const view = viewOf({ service: [owner] });
  const against = (parts: Parts, ownId?: string) => checkServiceAgainst(view, spec(parts), ownId).map((problem) => problem.message);
  expect(against({ name: 'owner' })).toEqual(['name conflicts with an existing object: service owner already exists']);
  expect(against({ name: 'owner', endpoint: { ports: ports({ publishedPort: 8080 }) } }, 'owner-id')).toEqual([]);
  expect(against({ endpoint: { ports: ports({ publishedPort: 8080 }) } })).toEqual([`port '8080' is already in use by service 'owner' (owner-id) as an ingress port`]);
  expect(against({ endpoint: { ports: ports({ publishedPort: 9090 }) } })).toEqual([`port '9090' is already in use by service 'owner' (owner-id) as a host-published port`]);
  expect(against({ endpoint: { ports: ports({ publishedPort: 9090, publishMode: 'host' }) } })).toEqual([]);
  expect(against({ endpoint: { ports: ports({ publishedPort: 7070 }) } })).toEqual([]);
  expect(against({ endpoint: { ports: ports({ publishedPort: 8080, protocol: 'udp' }, {}) } })).toEqual([]);
});

test('secrets, configs and networks', () => {
  const check = (name: string, size: number) => checkSecretSpec('secret', { name, labels: {} }, size).map((problem) => problem.message);
  expect(check('a.b-c_1', 1)).toEqual([]);
  expect(check('-a', 0)).toHaveLength(2);
  expect(check('a', 512_000)).toEqual(['secret data must be larger than 0 and less than 512000 bytes']);
  expect(checkSecretSpec('config', { name: 'a', labels: {} }, 600_000)).toEqual([]);
  const network: NetworkSpec = { name: 'n', labels: {}, driver: 'overlay', driverOpts: {}, internal: false, attachable: false, ingress: false, ipv6: false };
  expect(checkNetworkSpec(network)).toEqual([]);
  expect(checkNetworkSpec({ ...network, name: 'host' }).map(({ code }) => code)).toEqual(['already-exists']);
  expect(checkNetworkSpec({ ...network, driver: 'bridge' }).map(({ code }) => code)).toEqual(['not-found']);
  expect(checkNetworkSpec({ ...network, ipam: { configs: [{ subnet: 'ten' }] } })[0]!.message).toContain('invalid subnet ten');
});

test('what is stored and not executed is named', () => {
  expect(notExecuted(spec())).toEqual([]);
  const startsFirst = { ...spec(), update: { parallelism: 1, order: 'start-first' as const } };
  expect(notExecuted(startsFirst)).toEqual([]);
  expect(notExecuted({ ...startsFirst, endpoint: { ports: [{ targetPort: 80, publishedPort: 80, publishMode: 'host' }] } })).toEqual([expect.stringContaining('order start-first has no effect: a port of mode host is held once on a node')]);
  expect(notExecuted(spec({ container: { privileges: { CredentialSpec: { File: 'x' } }, isolation: 'hyperv' }, template: { logDriver: { name: 'gelf', options: {} } } }))).toHaveLength(3);
});
