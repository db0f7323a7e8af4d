import type { ResourceReservations } from '../../model/src/index.js';
import { countGeneric, type NodeInfo } from './node-info.js';
import { inCpus, inMemory } from './words.js';

/** One resource that a node has too little of. */
interface Shortage {
  needs: string;
  /** Of the amount that somebody has. */
  text(amount: number): string;
  free(info: NodeInfo): number;
  total(info: NodeInfo): number;
}

export function hasResources(reservations: ResourceReservations | undefined, info: NodeInfo): boolean {
  if (!reservations) return true;
  return (
    (reservations.nanoCpus ?? 0) <= Math.max(0, info.freeNanoCpus) &&
    (reservations.memoryBytes ?? 0) <= Math.max(0, info.freeMemoryBytes) &&
    countGeneric(reservations.generic).every(({ kind, value }) => value <= info.freeGeneric(kind))
  );
}

/** `needs 2 GiB memory, 0.5 GiB of 4 GiB free`. */
export function shortagesOn(reservations: ResourceReservations | undefined, info: NodeInfo): string {
  const lacking = shortages(reservations ?? {}, [info]);
  return lacking.map(({ needs, text, free, total }) => `${needs}, ${text(Math.max(0, free(info)))} of ${text(total(info))} free`).join(', ');
}

/** `needs 1.5 CPU, at most 0.7 free`, of several nodes. */
export function shortagesOnAll(reservations: ResourceReservations | undefined, infos: readonly NodeInfo[]): string | undefined {
  const lacking = shortages(reservations ?? {}, infos);
  const words = lacking.map(({ needs, text, free }) => `${needs}, at most ${text(infos.reduce((most, info) => Math.max(most, free(info)), 0))} free`);
  return words.length > 0 ? `needs ${words.join(', ')}` : undefined;
}

/** Of what at least one of the nodes has too little. */
function shortages({ nanoCpus = 0, memoryBytes = 0, generic }: ResourceReservations, infos: readonly NodeInfo[]): Shortage[] {
  const all: (Shortage & { amount: number })[] = [
    { amount: nanoCpus, needs: `${inCpus(nanoCpus)} CPU`, text: inCpus, free: (info) => info.freeNanoCpus, total: ({ node }) => node.status.description?.nanoCpus ?? 0 },
    { amount: memoryBytes, needs: `${inMemory(memoryBytes)} memory`, text: inMemory, free: (info) => info.freeMemoryBytes, total: ({ node }) => node.status.description?.memoryBytes ?? 0 },
    ...countGeneric(generic).map(({ kind, value }) => ({ amount: value, needs: `${value} ${kind}`, text: String, free: (info: NodeInfo) => info.freeGeneric(kind), total: (info: NodeInfo) => info.totalGeneric(kind) })),
  ];
  return all.filter(({ amount, free }) => infos.some((info) => amount > Math.max(0, free(info))));
}
