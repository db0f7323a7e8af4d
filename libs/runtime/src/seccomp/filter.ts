import { Refused } from '../../../base/src/index.js';
import type { SeccompChoice } from '../container-config.js';
import type { HostFacts } from '../host-facts.js';
import { compileProfile, encodeInstructions, type SyscallTable } from './compile.js';
import dockerDefault from './docker-default.json' with { type: 'json' };
import { expandProfile, type Condition, type ExpandedProfile, type SeccompProfile } from './profile.js';
import numbers from './syscalls.json' with { type: 'json' };

const tables: Partial<Record<NodeJS.Architecture, SyscallTable[]>> = {
  x64: [
    { name: 'SCMP_ARCH_X86_64', auditArchitecture: 0xc000003e, numbers: numbers.x86_64 },
    { name: 'SCMP_ARCH_X86', auditArchitecture: 0x40000003, numbers: numbers.x86 },
  ],
  arm64: [{ name: 'SCMP_ARCH_AARCH64', auditArchitecture: 0xc00000b7, numbers: numbers.aarch64 }],
};

const cache = new Map<bigint, Buffer>();

type SeccompHost = Pick<HostFacts, 'architecture' | 'kernel'>;

/** The program of a container with this bounding set. Undefined: there is none. */
export function seccompProgram(choice: SeccompChoice, bounding: bigint, host: SeccompHost): Buffer | undefined {
  if (choice === 'unconfined') return undefined;
  if (choice === 'default') return seccompFilter(bounding, host);
  const known = tables[host.architecture];
  if (!known) throw new Refused('unsupported', `seccomp profiles cannot be used on ${host.architecture}: there is no table of its system calls`);
  return encodeInstructions(compileProfile(expandProfile(choice.profile, bounding, host), wantedTables(choice.profile, known)));
}

const SYS_SOCKET = 1n;

/**
 * The 32-bit `socketcall` hides the family of a new socket from the filter, and so a way to those that the profile forbids
 * (CVE-2026-31431): it makes no sockets. 32-bit programs have `socket` since Linux 4.3.
 */
function withoutHiddenSockets(profile: ExpandedProfile): ExpandedProfile {
  const condition: Condition = { index: 0, operator: 'NE', value: SYS_SOCKET, valueTwo: 0n };
  return { ...profile, rules: profile.rules.map((rule) => (rule.name === 'socketcall' ? { ...rule, conditions: [condition] } : rule)) };
}

/** The processor's own is always among them. */
function wantedTables({ architectures, archMap }: SeccompProfile, known: readonly SyscallTable[]): SyscallTable[] {
  const [native, ...others] = known;
  const named = architectures ?? archMap?.filter(({ architecture }) => architecture === native!.name).flatMap(({ subArchitectures }) => subArchitectures ?? []);
  return [native!, ...others.filter(({ name }) => named === undefined || named.includes(name))];
}

/** Docker's default profile for a container with these capabilities, ready for the kernel. Undefined: no table for this processor. */
export function seccompFilter(capabilities: bigint, host: SeccompHost): Buffer | undefined {
  const known = tables[host.architecture];
  if (!known) return undefined;
  let filter = cache.get(capabilities);
  if (!filter) {
    filter = encodeInstructions(compileProfile(withoutHiddenSockets(expandProfile(dockerDefault as SeccompProfile, capabilities, host)), known));
    cache.set(capabilities, filter);
  }
  return filter;
}

export function syscallTables(architecture: NodeJS.Architecture): readonly SyscallTable[] {
  return tables[architecture] ?? [];
}
