import { joinedFlags } from '../namespaces.js';
import { RLIMIT } from '../linux.js';
import { compileIdentity, compileLabels, compileScheduling, identityFiles } from '../launch-program.js';
import { protocolVersion, type Operation } from '../operations.js';
import type { ContainerUser } from '../users.js';
import type { NamespacePlan } from '../container-config.js';
import type { ProcessPart } from './process.js';

export interface ExecPlace {
  pid: number;
  startTime: number;
  namespaces: NamespacePlan[];
  procsFiles: string[];
  consoleSocket: string;
  preservedDescriptors: number;
  stay: boolean;
  /** The host's uid and gid of the user, when the container has a user namespace. */
  streamsOwner?: readonly [number, number];
}

/** First half of a process more in a container: into its groups and namespaces, to where its users can be read. */
export function compileEntry({ pid, startTime, namespaces, procsFiles, consoleSocket, preservedDescriptors, stay, streamsOwner }: ExecPlace): Operation[] {
  return [
    ['launch', protocolVersion, 0n, pid, BigInt(startTime), preservedDescriptors, stay ? 1 : 0, '', consoleSocket, ''],
    ...procsFiles.map((file): Operation => ['joinCgroup', file]),
    // Inside, a pipe of the host's has no owner that could be changed.
    ...(streamsOwner ? [['ownStreams', ...streamsOwner] as const] : []),
    ['joinTarget', joinedFlags({ namespaces })],
    ['openRoot', '/'],
    ...identityFiles,
  ];
}

/** Second half, for the user that was found. */
export function compileExecProcess(part: ProcessPart, user: ContainerUser, seccomp: Buffer | undefined): Operation[] {
  const { process } = part;
  return [
    process.terminal ? ['terminal', process.terminalSize?.rows ?? 0, process.terminalSize?.columns ?? 0] : ['stdin'],
    ...part.rlimits.map(({ name, soft, hard }): Operation => ['rlimit', RLIMIT[name], soft, hard]),
    ...(part.oomScoreAdj === undefined ? [] : [['oomScore', String(part.oomScoreAdj)] as const]),
    ...compileScheduling(part),
    ...compileLabels(part.labels),
    ...compileIdentity({ ...part, ...process }, user, seccomp),
  ];
}
