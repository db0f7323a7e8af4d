/** Upper case with the prefix `CAP_`; `ALL` stands alone; what is added is not dropped. Sorted, without doubles. */
export function effectiveCapabilities(add: string[], drop: string[]): { add: string[]; drop: string[] } {
  const added = normalise(add);
  const dropped = normalise(drop).filter((capability) => !added.includes(capability));
  return { add: added, drop: dropped };
}

function normalise(capabilities: string[]): string[] {
  const names = new Set(capabilities.map(fullName));
  if (names.has('ALL')) return ['ALL'];
  names.delete('RESET');
  return [...names].sort();
}

function fullName(capability: string): string {
  const name = capability.trim().toUpperCase();
  return name === 'ALL' || name === 'RESET' || name.startsWith('CAP_') ? name : `CAP_${name}`;
}
