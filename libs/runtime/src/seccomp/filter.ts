import type { HostFacts } from '../host-facts.js';
export function seccompFilter(_capabilities: bigint, _facts: HostFacts): Buffer | undefined { return undefined; }
