import { Refused } from '../../base/src/index.js';

/** Namespaced ones, so that no container changes the host. */
const allowed = [/^net\./, /^fs\.mqueue\./, /^kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$/];

/** As Docker: unprivileged processes may serve low ports and ping. */
const defaults: Record<string, string> = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
};

export interface PlannedSysctl {
  /** Below /proc/sys. */
  path: string;
  value: string;
  mustExist: boolean;
}

export function planSysctls(asked: Record<string, string>, own = { network: true, ipc: true }): PlannedSysctl[] {
  for (const name of Object.keys(asked)) {
    if (!/^[A-Za-z0-9_./-]+$/.test(name) || name.includes('..') || !allowed.some((pattern) => pattern.test(name))) {
      throw new Refused('forbidden', `sysctl "${name}" is not allowed: it is not in a namespace of the container`);
    }
  }
  for (const name of Object.keys(asked)) {
    const kind = name.startsWith('net.') ? 'network' : 'ipc';
    if (!own[kind]) throw new Refused('forbidden', `sysctl "${name}" is not allowed: the ${kind} namespace is not the container's own`);
  }
  const byDefault = Object.entries(defaults).filter(([name]) => own.network && !(name in asked));
  return [
    ...byDefault.map(([name, value]) => ({ path: pathOf(name), value, mustExist: false })),
    ...Object.entries(asked).map(([name, value]) => ({ path: pathOf(name), value, mustExist: true })),
  ];
}

function pathOf(name: string): string {
  return name.includes('/') ? name : name.replaceAll('.', '/');
}
