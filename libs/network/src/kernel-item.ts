import { alone, type Family } from './addresses.js';

/**
 * One thing that the plan wants in the mesh's kernel state, beside nftables. `link` is a device by its name in the mesh.
 * Text forms follow iproute2, so that a golden file reads like its output.
 */
export type KernelItem =
  | { kind: 'mac'; mac: string }
  | { kind: 'address'; link: 'lo' | 'vx0'; address: string }
  | { kind: 'neighbour'; address: string; mac: string }
  | { kind: 'forwarding'; mac: string; underlay: string }
  | { kind: 'route'; destination: string; via?: string; source?: string; table: number }
  | { kind: 'unreachable'; destination: string }
  | { kind: 'rule'; family: Family; priority: number; mark: number; mask: number; table: number; invert: boolean };

/** Unreachable routes lose against everything that is more wanted. */
export const unreachableMetric = 4000;

export const mainRouteTable = 254;

/** The whole item in words. Equal words, equal items. */
export function describeItem(item: KernelItem): string {
  switch (item.kind) {
    case 'mac':
      return `link vx0 address ${item.mac}`;
    case 'address':
      return `address ${alone(item.address)} dev ${item.link}`;
    case 'neighbour':
      return `neigh ${item.address} lladdr ${item.mac} dev vx0`;
    case 'forwarding':
      return `fdb ${item.mac} dev vx0 dst ${item.underlay}`;
    case 'route':
      return (
        `route ${item.destination}${item.via ? ` via ${item.via}` : ''} dev vx0` +
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
      return 'link vx0 address';
    case 'neighbour':
      return `neigh ${item.address}`;
    case 'forwarding':
      return `fdb ${item.mac}`;
    case 'route':
      return `route ${item.destination} table ${item.table}`;
    case 'address':
    case 'unreachable':
    case 'rule':
      return describeItem(item);
  }
}
