import { Refused } from '../../base/src/index.js';
import type { ContainerSpec } from '../../model/src/index.js';
import type { ContainerRecord } from './container-record.js';
import { namespaceModes, type IsolationFindings } from './isolation-plan.js';
import type { ContainerState } from './runtime.js';

interface JoinedContainer {
  state: ContainerState;
  pid: number;
  record: ContainerRecord | undefined;
}

const files = { pid: 'pid', ipc: 'ipc', network: 'net' } as const;

/** Files of the namespaces that a container shares with running ones of this node. Refused when one does not run, or keeps its ipc to itself. */
export async function findJoinedNamespaces(spec: ContainerSpec, find: (id: string) => Promise<JoinedContainer>): Promise<IsolationFindings['joined']> {
  const modes = namespaceModes(spec);
  const joined: IsolationFindings['joined'] = {};
  for (const kind of ['pid', 'ipc', 'network'] as const) {
    const mode = modes[kind];
    if (mode.kind !== 'container') continue;
    const { state, pid, record } = await find(mode.id);
    if (state !== 'running' && state !== 'created') throw new Refused('precondition', `cannot join the ${kind} namespace of container ${mode.id}: it is ${state}`);
    if (kind === 'ipc' && !record?.ipcIsShareable) throw new Refused('precondition', `cannot join the ipc namespace of container ${mode.id}: it is not shareable (ipc: shareable)`);
    joined[kind] = `/proc/${pid}/ns/${files[kind]}`;
  }
  return joined;
}
