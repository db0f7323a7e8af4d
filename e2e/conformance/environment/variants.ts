import type { ContainerSpec } from '../../../libs/model/src/index.js';

export interface Variant {
  name: string;
  /** Flags of `docker run`. */
  docker: string[];
  /** The same for us. */
  spec: Partial<ContainerSpec>;
  /** What Docker says when this machine does not let it: then there is nothing to compare. */
  dockerMayFail?: RegExp;
}

const none = { docker: ['--network', 'none', '--hostname', 'inside'], spec: { networkMode: 'none' } };

function variant(name: string, docker: string[], spec: Partial<ContainerSpec>, rest: Partial<Variant> = {}): Variant {
  return { name, docker: [...none.docker, ...docker], spec: { ...none.spec, ...spec }, ...rest };
}

export const variants: readonly Variant[] = [
  variant('default', [], {}),
  variant('user', ['--user', '1000:1000'], { user: '1000:1000' }),
  variant('read-only', ['--read-only'], { readOnly: true }),
  variant('init', ['--init'], { init: true }),
  variant('terminal', ['--tty'], { tty: true }),
  variant(
    'capabilities and no-new-privileges',
    ['--cap-add', 'NET_ADMIN', '--cap-drop', 'MKNOD', '--security-opt', 'no-new-privileges'],
    { capabilityAdd: ['NET_ADMIN'], capabilityDrop: ['MKNOD'], privileges: { noNewPrivileges: true } },
  ),
  variant(
    'tmpfs and shared memory',
    ['--tmpfs', '/scratch:size=1m,mode=700', '--shm-size', '8m'],
    { mounts: [{ type: 'tmpfs', target: '/scratch', sizeBytes: 1 << 20, mode: 0o700 }], shmSizeBytes: 8 << 20 },
  ),
  // A root without CAP_SYS_RESOURCE cannot give it away, which docker 20.10 tries.
  variant('privileged', ['--privileged'], { privileged: true }, { dockerMayFail: /unable to apply caps|operation not permitted/ }),
  { name: 'host network', docker: ['--network', 'host'], spec: { networkMode: 'host', utsMode: 'host' } },
];
