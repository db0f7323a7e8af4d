import { afterAll, beforeAll } from 'vitest';
import { Lifetime } from '../../base/src/index.js';
import { storeContract } from './contract.js';
import { testEtcd, testStore, type TestEtcd } from './etcd-fixture.js';

const lifetime = new Lifetime();
let etcd: TestEtcd;
let count = 0;

beforeAll(async () => {
  etcd = await testEtcd(lifetime);
});
afterAll(() => lifetime.end());

storeContract('EtcdStore', () => testStore(lifetime, etcd.url, { prefix: `/contract-${count++}/v1` }));
