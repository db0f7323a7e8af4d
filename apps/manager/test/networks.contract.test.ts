import { afterAll, beforeAll, expect, test } from 'vitest';
import { allocateNetworks, allocateServices } from '../../../libs/allocator/src/index.js';
import { aContext } from '../../../libs/model/src/testing/index.js';
import { startHttpHarness, type HttpHarness } from './http-harness.js';

/** Networks through the real docker CLI. */

let harness: HttpHarness;
beforeAll(async () => void (harness = await startHttpHarness()));
afterAll(() => harness.end());

/** What the leader's loop does about networks and services. */
async function allocate(): Promise<void> {
  for (const decide of [allocateNetworks, allocateServices]) await harness.store.commit(decide(harness.store.view(), aContext()).changes);
}

test('every option of docker network create is kept, shown, and counted', async () => {
  const options = ['--ipv6', '--subnet', '10.55.0.0/24', '--gateway', '10.55.0.254', '--ip-range', '10.55.0.64/26', '--aux-address', 'router=10.55.0.65', '--subnet', 'fd55::/64', '--opt', 'com.docker.network.driver.mtu=1300', '--internal', '--attachable', '--label', 'a=b'];
  expect(await harness.docker('network', 'create', '--driver', 'overlay', ...options, 'full')).toMatchObject({ exitCode: 0 });
  await harness.docker('service', 'create', '-d', '--no-resolve-image', '--name', 'user', '--network', 'full', 'nginx');
  await allocate();
  const [shown] = JSON.parse((await harness.docker('network', 'inspect', 'full')).stdout);
  expect(shown).toMatchObject({
    EnableIPv6: true,
    Internal: true,
    Attachable: true,
    IPAM: { Config: [{ Subnet: '10.55.0.0/24', IPRange: '10.55.0.64/26', Gateway: '10.55.0.254' }, { Subnet: 'fd55::/64', Gateway: 'fd55::1' }] },
    Options: { 'com.docker.network.driver.mtu': '1300' },
    Labels: { a: 'b' },
  });
  const { json } = await harness.call('GET', '/networks/full');
  expect(json.IPAM.Config[0].AuxiliaryAddresses).toEqual({ router: '10.55.0.65' });
  expect(json.Status.IPAM.Subnets['10.55.0.0/24']).toEqual({ IPsInUse: 1, DynamicIPsAvailable: 62 });
  expect(await harness.docker('network', 'create', '-d', 'overlay', '-o', 'com.docker.network.driver.mtu=12', 'thin')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('network thin: the MTU 12 is no number from 68 to 65535'),
  });
});

test('the ingress network can be replaced by one of its own subnet, but not while a service depends on it', async () => {
  const create = (name: string) => harness.docker('network', 'create', '-d', 'overlay', '--ingress', '--subnet', '10.77.0.0/16', name);
  const remove = () => harness.call('DELETE', '/networks/ingress'); // the CLI asks at a terminal whether it may
  expect((await create('ingress')).exitCode).toBe(0);
  expect((await create('second')).stderr).toContain('is already present');
  for (const [name, flag] of [['plain', '--label=a=b'], ['publisher', '--publish=8080:80']] as const) {
    await harness.docker('service', 'create', '-d', '--no-resolve-image', '--name', name, ...(name === 'publisher' ? ['--network', 'full'] : []), flag, 'nginx');
    const { id } = harness.store.view().named('service', name)!;
    expect((await remove()).text).toContain(`ingress network cannot be removed because service ${id} depends on it`);
    await harness.docker('service', 'rm', name);
  }
  expect((await remove()).status).toBe(204);
  expect((await create('other')).exitCode).toBe(0);
  await allocate();
  expect(harness.store.view().named('network', 'other')!.allocation!.subnets[0]).toEqual({ subnet: '10.77.0.0/16', gateway: '10.77.0.1' });
});
