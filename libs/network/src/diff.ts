import { describeItem, identifyItem } from './kernel-item.js';
import type { KernelItem } from './kernel-item.js';
import type { NodePlan } from './node-plan.js';
import { renderChange } from './nft-table.js';
import type { NftTable } from './nft-table.js';

/** What is in the kernel now. Absent tables: unknown, to be replaced as a whole. */
export interface Applied {
  items: readonly KernelItem[];
  mesh?: NftTable;
  host?: NftTable;
  endpointAddresses: ReadonlySet<string>;
  datagramPorts: ReadonlySet<number>;
}

/** What to do, in the order of the fields: nothing is taken away before its successor stands. */
export interface NetworkChange {
  /** Each replaces an item of the same identity. */
  add: KernelItem[];
  /** Text of one transaction each; empty: no change. */
  meshRules: string;
  hostRules: string;
  remove: KernelItem[];
  /** Endpoints whose connections must be told that they are gone. */
  goneAddresses: string[];
  /** Published `udp` ports that were none before. */
  newDatagramPorts: number[];
}

export function diffPlan(applied: Applied, plan: NodePlan): NetworkChange {
  const had = new Set(applied.items.map(describeItem));
  const wanted = new Set(plan.items.map(identifyItem));
  return {
    add: plan.items.filter((item) => !had.has(describeItem(item))),
    meshRules: renderChange(applied.mesh, plan.mesh),
    hostRules: renderChange(applied.host, plan.host),
    remove: applied.items.filter((item) => !wanted.has(identifyItem(item))),
    goneAddresses: [...applied.endpointAddresses].filter((address) => !plan.endpointAddresses.has(address)),
    newDatagramPorts: [...plan.datagramPorts].filter((port) => !applied.datagramPorts.has(port)),
  };
}
