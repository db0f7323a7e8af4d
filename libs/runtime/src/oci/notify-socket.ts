import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Temporary } from '../../../base/src/index.js';
import type { OciSpec } from './spec.js';

/** As sd_notify(3): where who supervises us hears that the service is ready. Undefined: nobody does, or at an address that has no path. */
export function supervisorSocket(environment: NodeJS.ProcessEnv): string | undefined {
  const socket = environment['NOTIFY_SOCKET'];
  return socket?.startsWith('/') ? socket : undefined;
}

const directoryName = 'notify';
const socketName = 'notify';

/** Gives the container a socket in the supervisor's place, in a directory below `containerDirectory`, which is made (crun's layout). */
export function withNotifySocket(spec: OciSpec, supervisor: string | undefined, containerDirectory: string): OciSpec {
  if (!supervisor || !spec.process) return spec;
  const source = join(containerDirectory, directoryName);
  mkdirSync(source, { mode: 0o755 });
  return {
    ...spec,
    mounts: [...(spec.mounts ?? []), { destination: supervisor, type: 'bind', source, options: ['bind', 'nosuid', 'noexec', 'nodev', 'ro'] }],
    process: { ...spec.process, env: [...(spec.process.env ?? []), `NOTIFY_SOCKET=${supervisor}/${socketName}`] },
  };
}

/** Listens on the container's behalf. Undefined: it has been given no socket. */
export async function proxyNotifications(shimPath: string, supervisor: string | undefined, containerDirectory: string, pid: number, becomesMain: boolean): Promise<NotifyProxy | undefined> {
  const directory = join(containerDirectory, directoryName);
  if (!supervisor || !existsSync(directory)) return undefined;
  const child = spawn(shimPath, ['notify', directory, supervisor, String(pid), becomesMain ? String(pid) : ''], { stdio: ['ignore', 'pipe', 'inherit'], env: {} });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('error', reject);
    child.once('exit', () => reject(new Temporary(`no socket for notifications could be made in ${directory}`)));
  });
  child.stdout.destroy();
  child.unref();
  return new NotifyProxy(child);
}

export class NotifyProxy {
  constructor(readonly child: ChildProcess) {}

  /** Until the container is ready, or has ended. */
  async done(): Promise<void> {
    this.child.ref();
    if (this.child.exitCode === null && this.child.signalCode === null) await new Promise((resolve) => this.child.once('exit', resolve));
  }
}
