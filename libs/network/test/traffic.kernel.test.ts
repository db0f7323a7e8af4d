import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AssignedNetwork, AssignedPeer, AssignedPort, AssignedService } from '../../model/src/index.js';
import type { LocalContainer, NodeNetworkView } from '../src/index.js';
import { Machine, type Host, type Namespace } from './hosts.js';

/** Two hosts and two clients with both families: `web` on both hosts, `box` on the first, `db` and the internal `safe` on the second. */

const open: AssignedNetwork = { id: 'open', name: 'open', subnets: [{ subnet: '10.10.0.0/24', gateway: '10.10.0.1' }, { subnet: 'fd10::/64', gateway: 'fd10::1' }], internal: false };
const closed: AssignedNetwork = { id: 'closed', name: 'closed', subnets: [{ subnet: '10.20.0.0/24', gateway: '10.20.0.1' }, { subnet: 'fd20::/64', gateway: 'fd20::1' }], internal: true };

const machine = new Machine();
const hosts = [1, 2].map((index) => machine.addHost(index)) as [Host, Host];
const client = machine.addClient('10.99.0.50');
const stranger = machine.addClient('10.99.0.60');
const peers: AssignedPeer[] = hosts.map(({ index, address }) => ({ nodeId: `node${index}`, index, dataPathAddress: address, address }));
const containers: Record<string, { host: 1 | 2; container: LocalContainer }> = {
  web1: { host: 1, container: local('web1', 'open', 11) },
  web2: { host: 2, container: local('web2', 'open', 12) },
  box: { host: 1, container: local('box', 'open', 13) },
  db: { host: 2, container: local('db', 'open', 14) },
  safe: { host: 2, container: local('safe', 'closed', 15) },
};
const namespaces = new Map<string, Namespace>();
const everywhere = ['web1 saw', 'web2 saw'];

beforeAll(async () => {
  // As firewalld and a plain /etc/nftables.conf leave a host, and as ufw does for IPv6.
  hosts[0].run("nft 'add table inet filter; add chain inet filter forward { type filter hook forward priority 0; policy drop; }'");
  hosts[1].run("nft 'add table inet firewalld; add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; policy accept; }; add rule inet firewalld filter_FORWARD reject with icmpx admin-prohibited'");
  hosts[1].run('ip6tables -P FORWARD DROP');
  for (const [at, namespace] of [...hosts, client, stranger].entries()) namespace.run(`ip -6 addr add fd99::${at + 1}/64 dev eth0 nodad`);
  hosts[0].run('ip addr add 10.99.0.101/24 dev eth0');
  for (const host of hosts) await host.open();
  await apply(web());
  for (const [name, { host, container }] of Object.entries(containers)) {
    namespaces.set(name, await hosts[host - 1]!.attach(container, [open, closed]));
    await serve(inContainer(name), name, 8000);
  }
});

afterAll(() => machine.close());

test('weights decide the shares, and weight 0 gets nothing new', async () => {
  await apply(web({}, [1, 9]));
  const answers = ask(inContainer('box'), '10.10.0.2', 8000, 200).filter((answer) => answer.startsWith('web2'));
  expect(answers.length).toBeGreaterThan(140);
  expect(answers.length).toBeLessThan(200);
  await apply(web({}, [0, 1]));
  expect(who(ask(inContainer('box'), '10.10.0.2', 8000, 20))).toEqual(['web2 saw']);
});

test('a client stays with its endpoint', async () => {
  for (const affinity of [{}, { timeoutSeconds: 600 }]) {
    await apply({ ...web({ affinity }), balancing: { affinity } });
    for (const [from, address, port] of [[inContainer('box'), '10.10.0.2', 8000], [inContainer('box'), 'fd10::2', 8000], [client, '10.99.0.1', 8080], [client, 'fd99::2', 8080]] as const) {
      expect(who(ask(from, address, port, 12))).toHaveLength(1);
    }
  }
});

test('a client stays although another endpoint came, and moves when its own goes', async () => {
  const remembering = (weights: number[]) => ({ ...web({}, weights), balancing: { affinity: { timeoutSeconds: 600 } } });
  await apply(remembering([1, 0]));
  const box = inContainer('box');
  expect(who(ask(box, '10.10.0.2', 8000, 3))).toEqual(['web1 saw']);
  await apply(remembering([1, 1]));
  expect(who(ask(box, '10.10.0.2', 8000, 20))).toHaveLength(1);
  await apply(remembering([0, 1]));
  expect(who(ask(box, '10.10.0.2', 8000, 3))).toEqual(['web2 saw']);
  await apply(web());
  expect(who(ask(box, '10.10.0.2', 8000, 30))).toEqual(everywhere);
});

test('connections stay on their node where they shall, and leave it when nobody is there', async () => {
  await apply({ ...web({ locality: 'local-only' }), balancing: { locality: 'prefer-local' } });
  expect(who(ask(inContainer('box'), '10.10.0.2', 8000, 12))).toEqual(['web1 saw']);
  expect(who(ask(inContainer('db'), 'fd10::2', 8000, 12))).toEqual(['web2 saw']);
  expect(who(ask(client, '10.99.0.1', 8080, 12))).toEqual(['web1 saw']);
  expect(who(ask(client, 'fd99::2', 8080, 12))).toEqual(['web2 saw']);
  await apply({ ...web({ locality: 'local-only' }, [0, 1]), balancing: { locality: 'prefer-local' } });
  expect(who(ask(inContainer('box'), '10.10.0.2', 8000, 3))).toEqual(['web2 saw']);
  expect(ask(client, '10.99.0.1', 8080)).toEqual(['ECONNREFUSED']);
});

test('a port is published at the addresses that it names, and two services share it', async () => {
  const other: AssignedService = { ...web({ hostIps: ['10.99.0.101', 'fd99::2'] }), id: 'db', name: 'db', virtualIps: [], endpoints: [endpoint('db', 1)] };
  await apply(web({ hostIps: ['10.99.0.1', '127.0.0.1', 'fd99::1'] }), other);
  expect(who(ask(client, '10.99.0.1', 8080, 20))).toEqual(everywhere);
  expect(ask(client, '10.99.0.1', 8080)[0]).toContain('saw 10.99.0.50');
  expect(who(ask(client, 'fd99::1', 8080, 20))).toEqual(everywhere);
  expect(ask(client, '10.99.0.101', 8080)).toEqual(['db saw 10.99.0.50']);
  expect(ask(client, 'fd99::2', 8080)).toEqual(['db saw fd99::3']);
  expect(ask(client, '10.99.0.2', 8080)).toEqual(['ECONNREFUSED']);
  expect(who(ask(hosts[1], '127.0.0.1', 8080, 20))).toEqual(everywhere);
  expect(who(ask(inContainer('box'), '10.99.0.1', 8080, 20))).toEqual(everywhere);
  await apply({ ...web({ hostIps: ['10.99.0.1'] }), endpoints: [] });
  expect(ask(client, '10.99.0.1', 8080)).toEqual(['ECONNREFUSED']);
});

test('a port without a virtual address behind it is published all the same', async () => {
  await apply({ ...web(), mode: 'dnsrr', virtualIps: [] });
  expect(who(ask(client, '10.99.0.1', 8080, 20))).toEqual(everywhere);
});

test('who is not in the list gets no answer', async () => {
  await apply(web({ allowFrom: ['10.99.0.50', '10.99.0.48/29', 'fd99::3/128', '127.0.0.0/8'] }));
  for (const address of ['10.99.0.1', '10.99.0.2', 'fd99::1']) {
    expect(who(ask(client, address, 8080, 20))).toEqual(everywhere);
    expect(ask(stranger, address, 8080)).toEqual(['no answer']);
  }
  expect(who(ask(hosts[0], '127.0.0.1', 8080, 20))).toEqual(everywhere);
});

test('a masked port shows the node instead of the client', async () => {
  await apply(web({ masquerade: true }));
  expect([...new Set(ask(client, '10.99.0.1', 8080, 20))].sort()).toEqual(['web1 saw 100.64.0.1', 'web2 saw 100.64.0.1']);
  expect([...new Set(ask(client, 'fd99::2', 8080, 20))].sort()).toEqual(['web1 saw fd77:6d::2', 'web2 saw fd77:6d::2']);
});

test('a guarded task answers only whom it allows, by its address and by its name', async () => {
  const guarded = (allow: string[]): AssignedService => ({ ...dbService, guard: { addresses: addressesOf('db'), allow: [...addressesOf('db'), ...allow] } });
  const [v4, v6] = addressesOf('db') as [string, string];
  await apply(web(), guarded([]));
  for (const address of [v4, v6, '10.10.0.3']) {
    expect(ask(inContainer('box'), address, 8000)).toEqual(['ECONNREFUSED']);
    expect(ask(inContainer('web2'), address, 8000)).toEqual(['ECONNREFUSED']);
  }
  await apply(web(), guarded(addressesOf('box')));
  for (const address of [v4, v6, '10.10.0.3']) {
    expect(who(ask(inContainer('box'), address, 8000))).toEqual(['db saw']);
    expect(ask(inContainer('web2'), address, 8000)).toEqual(['ECONNREFUSED']);
  }
  expect(who(ask(inContainer('db'), '10.10.0.3', 8000))).toEqual(['db saw']);
});

test('containers go out by both families as their node; internal ones do not', async () => {
  await apply(web());
  await serve(client, 'outside', 7000);
  expect(ask(inContainer('box'), '10.99.0.50', 7000)).toEqual(['outside saw 10.99.0.1']);
  expect(ask(inContainer('box'), 'fd99::3', 7000)).toEqual(['outside saw fd99::1']);
  for (const address of ['10.99.0.50', 'fd99::3']) expect(ask(inContainer('safe'), address, 7000)).toEqual(['ECONNREFUSED']);
});

test('a task of an internal network answers at a published port', async () => {
  await apply({ ...web(), id: 'safe', name: 'safe', virtualIps: [], endpoints: [endpoint('safe', 1)] });
  for (const address of ['10.99.0.1', '10.99.0.2', 'fd99::1']) expect(who(ask(client, address, 8080))).toEqual(['safe saw']);
});

test('tasks reach neither the ports of managers nor those of the mesh', async () => {
  await apply(web());
  for (const [host, port] of [[hosts[0], 2377], [hosts[1], 2379], [hosts[0], 2390]] as const) await serve(host, 'manager', port);
  expect(who(ask(hosts[1], '10.99.0.1', 2377))).toEqual(['manager saw']);
  expect(who(ask(inContainer('box'), '10.99.0.1', 2390))).toEqual(['manager saw']); // another port of the node
  for (const address of ['10.99.0.1', '10.99.0.101', '169.254.77.1']) expect(ask(inContainer('box'), address, 2377)).toEqual(['ECONNREFUSED']);
  expect(ask(inContainer('box'), '10.99.0.2', 2379)).toEqual(['ECONNREFUSED']);
  for (const address of ['10.10.0.1', '100.64.0.1', '169.254.77.2']) expect(ask(inContainer('box'), address, 53)).toEqual(['ECONNREFUSED']);
});

test('a connection that says nothing is known for days in the mesh, whatever the host does', async () => {
  await apply(web());
  hosts[0].run('sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=7');
  await (await inContainer('web2').start(`require('net').createServer((s) => s.on('error', () => 0)).listen(8001, () => console.log('up'))`)).next();
  const talk = await inContainer('box').start(`require('net').connect(8001, '10.10.0.12', () => console.log('connected'))`);
  expect(await talk.next()).toBe('connected');
  const inMesh = hosts[0].run(`nsenter --net=${hosts[0].options.stateDir}/netns/mesh conntrack -L -p tcp --dport 8001 2>/dev/null`);
  const remaining = Number(/tcp\s+6\s+(\d+)\s+ESTABLISHED/.exec(inMesh)?.[1]);
  expect(remaining).toBeGreaterThan(4 * 24 * 3600);
});

test('a published port answers at ::1 of the node, by TCP and UDP', async () => {
  const plain: AssignedService = { ...web(), ports: [{ protocol: 'tcp', targetPort: 8000, publishedPort: 8080 }, { protocol: 'udp', targetPort: 5000, publishedPort: 5300 }, { protocol: 'tcp', targetPort: 8000, publishedPort: 8443, hostIps: ['::1'] }] };
  for (const name of ['web1', 'web2']) {
    await (await inContainer(name).start(`const s = require('dgram').createSocket('udp6'); s.on('message', (m, from) => s.send('${name} heard ' + m, from.port, from.address)); s.bind(5000, () => console.log('up'))`)).next();
  }
  await apply(plain);
  for (const port of [8080, 8443]) expect([...new Set(ask(hosts[0], '::1', port, 20))].sort()).toEqual(['web1 saw fd77:6d::1', 'web2 saw fd77:6d::1']);
  expect(ask(client, 'fd99::1', 8443)).toEqual(['ECONNREFUSED']);
  const flow = await hosts[1].start(`const s = require('dgram').createSocket('udp6'); s.on('message', (d) => { console.log(String(d)); s.send('more', 5300, '::1'); }); s.send('hello', 5300, '::1')`);
  expect(await flow.next()).toMatch(/^web[12] heard hello$/);
  expect(await flow.next()).toMatch(/^web[12] heard more$/);
  await apply({ ...plain, ports: [] });
  expect(ask(hosts[0], '::1', 8080)).toEqual(['ECONNREFUSED']);
});

test('SCTP is led to a task; the kernel needs no sockets of it for that', async () => {
  await apply({ ...web(), ports: [{ protocol: 'sctp', targetPort: 8000, publishedPort: 9999 }] });
  expect(client.run(`python3 -c '${sctpInit('10.99.0.1', 9999)}'`)).toBe('');
  const known = hosts[0].run(`nsenter --net=${hosts[0].options.stateDir}/netns/mesh conntrack -L -p sctp 2>/dev/null`);
  expect(known).toMatch(/src=10\.99\.0\.50 dst=169\.254\.77\.2 sport=4000 dport=9999 .*src=10\.10\.0\.1[12] dst=10\.99\.0\.50 sport=8000 dport=4000/);
});

test('rules of the administrator stand before ours, and stay', async () => {
  await apply(web());
  const rule = 'nft add rule inet shoal_user inbound ip saddr 10.99.0.60 tcp dport 8080 reject with tcp reset';
  expect(hosts[0].run(rule)).toBe('');
  await apply({ ...web(), ports: [...web().ports, { protocol: 'tcp', targetPort: 8000, publishedPort: 8181 }] });
  await apply(web());
  expect(ask(stranger, '10.99.0.1', 8080)).toEqual(['ECONNREFUSED']);
  expect(who(ask(client, '10.99.0.1', 8080, 20))).toEqual(everywhere);
  const inMesh = (script: string) => hosts[0].run(`nsenter --net=${hosts[0].options.stateDir}/netns/mesh ${script}`);
  expect(inMesh('nft add rule inet user forward ip saddr 10.10.0.13 ip daddr 10.10.0.11 reject')).toBe('');
  await hosts[0].crash();
  await hosts[0].open();
  await apply(web());
  expect(ask(inContainer('box'), '10.10.0.11', 8000)).toEqual(['ECONNREFUSED']);
  expect(inMesh('nft flush chain inet user forward')).toBe('');
  expect(hosts[0].run('nft flush chain inet shoal_user inbound')).toBe('');
  expect(who(ask(stranger, '10.99.0.1', 8080, 20))).toEqual(everywhere);
});

test('a process of the host keeps its port, and a task that wants it is told', async () => {
  await serve(hosts[0], 'process', 8088);
  await apply({ ...web(), ports: [{ protocol: 'tcp', targetPort: 8000, publishedPort: 8088 }] });
  expect(ask(client, '10.99.0.1', 8088)).toEqual(['process saw 10.99.0.50']);
  expect(who(ask(client, '10.99.0.2', 8088, 20))).toEqual(everywhere);
  const wants = { ...local('late', 'open', 30), hostPorts: [{ targetPort: 80, publishedPort: 8088 }] };
  await expect(hosts[0].attach(wants, [open])).rejects.toThrow(/port 8088\/tcp of this node is in use by node \(pid \d+\)/);
});

test('destroy gives the firewall of the host back as it was, and keeps rules that are not ours', async () => {
  hosts[1].run('nft add rule inet shoal_user outbound counter');
  for (const host of hosts) await host.call('destroy');
  expect(hosts[0].run('nft list tables')).toBe('table inet filter');
  expect(hosts.map((host) => host.run('nft list ruleset | grep shoal-mesh; true'))).toEqual(['', '']);
  expect(hosts[1].run('nft list table inet shoal_user')).toContain('counter');
});

const dbService: AssignedService = { id: 'db', name: 'db', mode: 'vip', virtualIps: [{ networkId: 'open', address: '10.10.0.3' }], ports: [], endpoints: [endpoint('db', 1)] };

function web(traffic: Partial<AssignedPort> = {}, weights: number[] = []): AssignedService {
  return {
    id: 'web',
    name: 'web',
    mode: 'vip',
    virtualIps: [{ networkId: 'open', address: '10.10.0.2' }, { networkId: 'open', address: 'fd10::2' }],
    ports: [{ protocol: 'tcp', targetPort: 8000, publishedPort: 8080, ...traffic }],
    endpoints: ['web1', 'web2'].map((name, at) => ({ ...endpoint(name, at + 1), ...(weights[at] !== undefined && { weight: weights[at] }) })),
  };
}

/** The others, so that every node knows where they are. */
const others: AssignedService = { id: 'others', name: 'others', mode: 'dnsrr', virtualIps: [], ports: [], endpoints: ['box', 'db'].map((name, at) => endpoint(name, at + 1)) };

async function apply(...services: AssignedService[]): Promise<void> {
  for (const host of hosts) {
    const here = Object.values(containers).filter((one) => one.host === host.index).map(({ container }) => container);
    const view: NodeNetworkView = { self: { nodeId: `node${host.index}`, index: host.index }, peers, networks: [open, closed], services: [...services, others], containers: here };
    await host.apply(view);
  }
}

function endpoint(name: string, slot: number): AssignedService['endpoints'][number] {
  const { host, container } = containers[name]!;
  return { taskId: name, slot, nodeId: `node${host}`, state: 'ready', addresses: [...container.networks] };
}

function local(name: string, networkId: string, at: number): LocalContainer {
  const addresses = networkId === 'open' ? [`10.10.0.${at}`, `fd10::${at}`] : [`10.20.0.${at}`, `fd20::${at}`];
  return { containerId: name, taskId: name, networks: addresses.map((address) => ({ networkId, address, aliases: [] })), hostPorts: [] };
}

function addressesOf(name: string): string[] {
  return containers[name]!.container.networks.map(({ address }) => address);
}

function inContainer(name: string): Namespace {
  return namespaces.get(name)!;
}

/** A server on both families that says its name and whom it saw. */
async function serve(where: Namespace, name: string, port: number): Promise<void> {
  const server = `require('net').createServer((s) => { s.on('error', () => 0); s.end('${name} saw ' + s.remoteAddress.replace('::ffff:', '')); }).listen(${port}, () => console.log('up'))`;
  await (await where.start(server)).next();
}

/** What the answering side says to each of some connections, or why there is none. */
function ask(from: Namespace, address: string, port: number, times = 1): string[] {
  const script = `const once = () => new Promise((done) => { let t = ''; const s = require('net').connect(${port}, '${address}'); s.setTimeout(1500, () => { done('no answer'); s.destroy(); }); s.on('data', (d) => t += d).on('end', () => done(t)).on('error', (e) => done(e.code)); });
    (async () => { const all = []; for (let i = 0; i < ${times}; i++) all.push(await once()); console.log(JSON.stringify(all)); })();`;
  return JSON.parse(from.run(`exec ${process.execPath} -e '${script.replaceAll("'", '"')}'`)) as string[];
}

/** Sends the first packet of an association: header, INIT chunk, CRC32c (RFC 9260 §3). */
function sctpInit(address: string, port: number): string {
  return `import socket, struct
def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff
chunk = struct.pack("!BBHIIHHI", 1, 0, 20, 7, 65536, 1, 1, 1)
head = lambda crc: struct.pack("!HHI", 4000, ${port}, 0) + struct.pack("<I", crc)
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
raw.sendto(head(crc32c(head(0) + chunk)) + chunk, ("${address}", 0))`;
}

/** Who answered. */
function who(answers: string[]): string[] {
  return [...new Set(answers.map((answer) => answer.replace(/ saw .*/, ' saw')))].sort();
}
