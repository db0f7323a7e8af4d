import { expect, test } from 'vitest';
import { aTemplate } from '../../../libs/model/src/testing/index.js';
import { hostOptionsTo } from '../src/engine-api/containers/host-options.js';

test('docker inspect shows devices, security options and limits in the words that docker run takes', () => {
  const { container } = aTemplate({
    container: {
      privileges: { noNewPrivileges: true },
      devices: [{ hostPath: '/dev/a', containerPath: '/dev/b', permissions: 'r' }],
      securityOptions: { seccomp: { kind: 'unconfined' }, label: { disable: true, type: 't' }, systemPaths: 'unconfined' },
    },
  });
  const limits = { memoryBytes: 5, cpuShares: 512, cpusetCpus: '0', blockIo: { weight: 300, readBytesPerSecond: [{ path: '/dev/a', rate: 7 }] } };
  expect(hostOptionsTo(container, limits)).toMatchObject({
    Devices: [{ PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'r' }],
    SecurityOpt: ['no-new-privileges', 'seccomp=unconfined', 'label=disable', 'label=type:t', 'systempaths=unconfined'],
    Memory: 5, CpuShares: 512, CpusetCpus: '0', BlkioWeight: 300, BlkioDeviceReadBps: [{ Path: '/dev/a', Rate: 7 }], MemorySwap: 0,
  });
  expect(hostOptionsTo(aTemplate().container, {})).toMatchObject({ SecurityOpt: null, Devices: [], CgroupParent: '' });
});
