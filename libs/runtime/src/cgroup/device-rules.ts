/** A device that a container may use. `undefined` numbers: any. */
export interface DeviceRule {
  type: 'b' | 'c';
  major?: number;
  minor?: number;
  /** Of `r`, `w`, `m` (mknod). */
  access: string;
}

/** Docker's list: every node may be made, these may be opened (null, zero, full, random, urandom, tty, console, ptmx, tun, pty). */
export const deviceRules: readonly DeviceRule[] = [
  { type: 'b', access: 'm' },
  { type: 'c', access: 'm' },
  { type: 'c', major: 1, minor: 3, access: 'rwm' },
  { type: 'c', major: 1, minor: 5, access: 'rwm' },
  { type: 'c', major: 1, minor: 7, access: 'rwm' },
  { type: 'c', major: 1, minor: 8, access: 'rwm' },
  { type: 'c', major: 1, minor: 9, access: 'rwm' },
  { type: 'c', major: 5, minor: 0, access: 'rwm' },
  { type: 'c', major: 5, minor: 1, access: 'rwm' },
  { type: 'c', major: 5, minor: 2, access: 'rwm' },
  { type: 'c', major: 10, minor: 200, access: 'rwm' },
  { type: 'c', major: 136, access: 'rwm' },
];

export function deviceRuleText({ type, major, minor, access }: DeviceRule): string {
  return `${type} ${major ?? '*'}:${minor ?? '*'} ${access}`;
}
