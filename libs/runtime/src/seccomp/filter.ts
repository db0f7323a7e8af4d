import type { HostFacts } from '../host-facts.js';
import { compileProfile, encodeInstructions, type SyscallTable } from './compile.js';
import dockerDefault from './docker-default.json' with { type: 'json' };
import { expandProfile, type SeccompProfile } from './profile.js';
import numbers from './syscalls.json' with { type: 'json' };

const tables: Partial<Record<NodeJS.Architecture, SyscallTable[]>> = {
  x64: [
    { auditArchitecture: 0xc000003e, numbers: numbers.x86_64 },
    { auditArchitecture: 0x40000003, numbers: numbers.x86 },
  ],
  arm64: [{ auditArchitecture: 0xc00000b7, numbers: numbers.aarch64 }],
};

const cache = new Map<bigint, Buffer>();

/** Docker's default profile for a container with these capabilities, ready for the kernel. Undefined: no table for this processor. */
export function seccompFilter(capabilities: bigint, host: Pick<HostFacts, 'architecture' | 'kernel'>): Buffer | undefined {
  const known = tables[host.architecture];
  if (!known) return undefined;
  let filter = cache.get(capabilities);
  if (!filter) {
    filter = encodeInstructions(compileProfile(expandProfile(dockerDefault as SeccompProfile, capabilities, host), known));
    cache.set(capabilities, filter);
  }
  return filter;
}

export function syscallTables(architecture: NodeJS.Architecture): readonly SyscallTable[] {
  return tables[architecture] ?? [];
}
