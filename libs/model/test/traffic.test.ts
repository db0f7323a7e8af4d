import { expect, test } from 'vitest';
import { checkPortsAgainst, checkServiceSpec, checkTraffic, portTraffic, serviceTraffic, trafficNotes, trafficOfPort } from '../src/index.js';
import type { ServiceSpec } from '../src/index.js';
import { aService } from '../src/testing/index.js';

const labels = {
  'shoal.locality': 'prefer-local',
  'shoal.affinity': 'client-ip 30m',
  'shoal.weight': 'node.labels.capacity',
  'shoal.allow': 'shop_web, worker',
  'shoal.port.8080/tcp.host-ip': '127.0.0.1,::1',
  'shoal.port.8080/tcp.allow-from': '192.0.2.0/24,fd00::/8',
  'shoal.port.8080/tcp.masquerade': 'true',
  'shoal.port.8080/tcp.locality': 'local-only',
  'shoal.port.8080/tcp.affinity': 'none',
  'shoal.port.target-53/udp.affinity': 'client-ip',
};

test('labels of a service say how its connections are spread', () => {
  expect(serviceTraffic(labels)).toEqual({ locality: 'prefer-local', affinity: { timeoutSeconds: 1800 }, weightLabel: 'capacity', allow: ['shop_web', 'worker'] });
  expect(serviceTraffic({})).toEqual({});
  expect(serviceTraffic({ 'shoal.allow': '' })).toEqual({ allow: [] });
});

test('a port has its own, and otherwise those of the service', () => {
  expect(portTraffic(labels, { publishedPort: 8080, targetPort: 80 })).toEqual({ locality: 'local-only', hostIps: ['127.0.0.1', '::1'], allowFrom: ['192.0.2.0/24', 'fd00::/8'], masquerade: true });
  expect(portTraffic(labels, { publishedPort: 9090, targetPort: 80 })).toEqual({ locality: 'prefer-local', affinity: { timeoutSeconds: 1800 } });
  expect(portTraffic({ 'shoal.port.80/tcp.host-ip': '0.0.0.0' }, { publishedPort: 80, targetPort: 80 })).toEqual({});
});

test('a port whose number was chosen is known by its target', () => {
  const spec = withPorts([{ protocol: 'udp', targetPort: 53 }], labels);
  expect(trafficOfPort(spec, { protocol: 'udp', targetPort: 53, publishedPort: 30001 })).toEqual({ locality: 'prefer-local', affinity: {} });
});

test('what makes no sense is refused with its words', () => {
  const bad = {
    'shoal.locality': 'near',
    'shoal.affinity': 'cookie',
    'shoal.weight': 'heavy',
    'shoal.port.80/tcp.host-ip': 'eth0',
    'shoal.port.80/tcp.allow-from': '10.0.0.0/40',
    'shoal.port.80/tcp.masquerade': 'perhaps',
  };
  const words = Object.entries(bad).map(([label, text]) => checkTraffic(withPorts([{ publishedPort: 80, targetPort: 80 }], { [label]: text }))[0]?.message);
  expect(words).toEqual([
    '"near" is not a locality: it is spread, prefer-local, local-only',
    '"cookie" is not an affinity: it is none, client-ip, or client-ip with a time such as "client-ip 30m"',
    '"heavy" is not a weight: it names a label of the nodes, such as node.labels.capacity',
    '"eth0" is not an IP address that a port could be published at',
    '"10.0.0.0/40" is neither an IP address nor a subnet such as 192.0.2.0/24',
    '"perhaps" is neither true nor false',
  ]);
});

test('a label for a port that is not published is told of', () => {
  expect(trafficNotes(withPorts([{ publishedPort: 80, targetPort: 80 }], { 'shoal.port.81/tcp.masquerade': 'true', 'shoal.port.80/tcp.masquerade': 'true' }))).toEqual([
    expect.stringContaining('shoal.port.81/tcp.masquerade has no effect'),
  ]);
});

test('two services may have one port at different addresses', () => {
  const at = (address: string) => ({ 'shoal.port.80/tcp.host-ip': address });
  const wants = (own: Record<string, string>, other: Record<string, string>) =>
    checkPortsAgainst(withPorts([{ publishedPort: 80, targetPort: 80 }], own), [{ id: 'other', name: 'other', ports: [{ publishedPort: 80, targetPort: 8000 }], labels: other }]).length;
  expect(wants(at('127.0.0.1'), at('192.0.2.1'))).toBe(0);
  expect(wants(at('127.0.0.1'), at('127.0.0.1'))).toBe(1);
  expect(wants(at('127.0.0.1'), {})).toBe(1);
});

test('a service without a virtual address may publish ports', () => {
  expect(checkServiceSpec({ ...withPorts([{ publishedPort: 80, targetPort: 80 }]), endpoint: { mode: 'dnsrr', ports: [{ publishedPort: 80, targetPort: 80 }] } })).toEqual([]);
});

function withPorts(ports: NonNullable<ServiceSpec['endpoint']>['ports'], own: Record<string, string> = {}): ServiceSpec {
  return { ...aService().spec, labels: own, endpoint: { ports } };
}
