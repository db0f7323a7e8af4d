import { joinedFlags } from '../namespaces.js';
import { RLIMIT } from '../linux.js';
import { compileIdentity, compileLabels, compileScheduling, identityFiles, seccompFlags } from '../launch-program.js';
import { protocolVersion, type Operation } from '../operations.js';
import type { ContainerUser } from '../users.js';
import type { NamespacePlan, SeccompChoice } from '../container-config.js';
import type { ProcessPart } from './process.js';

export interface ExecPlace {
  pid: number;
  startTime: number;
  namespaces: NamespacePlan[];
  procsFiles: string[];
  consoleSocket: string;
  preservedDescriptors: number;
  /** Of `launchOptions`. */
  options: number;
  /** The host's uid and gid of the user, when the container has a user namespace. */
  streamsOwner?: readonly [number, number];
}

/** First half of a process more in a container: into its groups and namespaces, to where its users can be read. */
export function compileEntry({ pid, startTime, namespaces, procsFiles, consoleSocket, preservedDescriptors, options, streamsOwner }: ExecPlace): Operation[] {
  return [
    ['launch', protocolVersion, 0n, pid, BigInt(startTime), preservedDescriptors, options, '', consoleSocket, ''],
    ...procsFiles.map((file): Operation => ['joinCgroup', file]),
    // Inside, a pipe of the host's has no owner that could be changed.
    ...(streamsOwner ? [['ownStreams', ...streamsOwner] as const] : []),
    ['joinTarget', joinedFlags({ namespaces })],
    ['openRoot', '/'],
    ...identityFiles,
  ];
}

/** Second half, for the user that was found. */
export function compileExecProcess(part: ProcessPart, user: ContainerUser, filter: { choice: SeccompChoice; program: Buffer | undefined }): Operation[] {
  const { process } = part;
  return [
    process.terminal ? ['terminal', process.terminalSize?.rows ?? 0, process.terminalSize?.columns ?? 0] : ['stdin'],
    ...part.rlimits.map(({ name, soft, hard }): Operation => ['rlimit', RLIMIT[name], soft, hard]),
    ...(part.oomScoreAdj === undefined ? [] : [['oomScore', String(part.oomScoreAdj)] as const]),
    ...compileScheduling(part),
    ...compileLabels(part.labels),
    ...compileIdentity({ ...part, ...process, seccompFlags: seccompFlags(filter.choice) }, user, filter.program),
  ];
}
