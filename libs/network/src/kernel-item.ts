import { alone, type Family, type Tunnel } from './addresses.js';

/**
 * One thing that the plan wants in the mesh's kernel state, beside nftables. `link` is a device by its name in the mesh.
 * Text forms follow iproute2, so that a golden file reads like its output.
 */
export type KernelItem =
  | { kind: 'mac'; link: Tunnel; mac: string }
  | { kind: 'address'; link: MeshLinkName; address: string }
  | { kind: 'neighbour'; link: Tunnel; address: string; mac: string }
  | { kind: 'forwarding'; link: Tunnel; mac: string; underlay: string }
  | { kind: 'route'; link: Tunnel | Wire; destination: string; via?: string; source?: string; table: number }
  | { kind: 'unreachable'; destination: string }
  | { kind: 'rule'; family: Family; priority: number; mark: number; mask: number; table: number; invert: boolean };

/** WireGuard devices by their slots. */
export type Wire = 'wg0' | 'wg1';

export type MeshLinkName = 'lo' | Tunnel | Wire;

/** Unreachable routes lose against everything that is more wanted. */
export const unreachableMetric = 4000;

export const mainRouteTable = 254;

/** The whole item in words. Equal words, equal items. */
export function describeItem(item: KernelItem): string {
  switch (item.kind) {
    case 'mac':
      return `link ${item.link} address ${item.mac}`;
    case 'address':
      return `address ${alone(item.address)} dev ${item.link}`;
    case 'neighbour':
      return `neigh ${item.address} lladdr ${item.mac} dev ${item.link}`;
    case 'forwarding':
      return `fdb ${item.mac} dev ${item.link} dst ${item.underlay}`;
    case 'route':
      return (
        `route ${item.destination}${item.via ? ` via ${item.via}` : ''} dev ${item.link}` +
        `${item.source ? ` src ${item.source}` : ''}${item.table === mainRouteTable ? '' : ` table ${item.table}`}`
      );
    case 'unreachable':
      return `route unreachable ${item.destination} metric ${unreachableMetric}`;
    case 'rule':
      return `${item.family === 4 ? '' : '-6 '}rule ${item.priority}: ${item.invert ? 'not ' : ''}fwmark 0x${item.mark.toString(16)}/0x${item.mask.toString(16)} lookup ${item.table}`;
  }
}

/** What the kernel holds at most one of: a new item of the same identity replaces the old one. */
export function identifyItem(item: KernelItem): string {
  switch (item.kind) {
    case 'mac':
      return `link ${item.link} address`;
    case 'neighbour':
      return `neigh ${item.address} dev ${item.link}`;
    case 'forwarding':
      return `fdb ${item.mac} dev ${item.link}`;
    case 'route':
      return `route ${item.destination} table ${item.table}`;
    case 'address':
    case 'unreachable':
    case 'rule':
      return describeItem(item);
  }
}
