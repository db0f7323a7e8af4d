import { Refused } from '../../../base/src/index.js';
import { joinedFlags } from '../namespaces.js';
import { RLIMIT } from '../linux.js';
import { compileIdentity, compileLabels, compileScheduling, identityFiles, seccompFlags } from '../launch-program.js';
import { protocolVersion, type Operation } from '../operations.js';
import type { ContainerUser } from '../users.js';
import type { NamespacePlan, SeccompChoice } from '../container-config.js';
import type { ProcessPart } from './process.js';
import type { OciProcess } from './spec.js';

/** Processors that an exec runs on before it is in the container's groups, and from then on. Absent: as the kernel has it. */
export interface ExecAffinity {
  initial?: number[];
  final?: number[];
}

const mostProcessors = 1024;

/** `execCPUAffinity`: lists such as `0-3,7`. */
export function convertAffinity({ initial, final }: NonNullable<OciProcess['execCPUAffinity']> = {}): ExecAffinity {
  return { ...(initial ? { initial: parseProcessors(initial) } : {}), ...(final ? { final: parseProcessors(final) } : {}) };
}

function parseProcessors(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [, from, to = from] = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part) ?? [];
    const [first, last] = [Number(from), Number(to)];
    if (!(first <= last && last < mostProcessors)) throw new Refused('invalid', `invalid CPU list "${text}" in execCPUAffinity: such as 0-3,7`);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

export interface ExecPlace {
  pid: number;
  startTime: number;
  namespaces: NamespacePlan[];
  procsFiles: string[];
  affinity: ExecAffinity;
  consoleSocket: string;
  preservedDescriptors: number;
  /** Of `launchOptions`. */
  options: number;
  /** The host's uid and gid of the user, when the container has a user namespace. */
  streamsOwner?: readonly [number, number];
}

/** First half of a process more in a container: into its groups and namespaces, to where its users can be read. */
export function compileEntry({ pid, startTime, namespaces, procsFiles, affinity, consoleSocket, preservedDescriptors, options, streamsOwner }: ExecPlace): Operation[] {
  return [
    ['launch', protocolVersion, 0n, pid, BigInt(startTime), preservedDescriptors, options, '', consoleSocket, ''],
    ...(affinity.initial ? [['cpuAffinity', affinity.initial] as const] : []),
    ...procsFiles.map((file): Operation => ['joinCgroup', file]),
    ...(affinity.final ? [['cpuAffinity', affinity.final] as const] : []),
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
