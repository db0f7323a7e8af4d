import { Refused } from '../../../base/src/index.js';
import type { CgroupTree } from './layout.js';
import type { DeviceRule } from './resources.js';
import type { CgroupWrite } from './write.js';

export const denyAllDevices: DeviceRule = { allow: false, type: 'a', access: 'rwm' };
export const allowAllDevices: DeviceRule = { allow: true, type: 'a', access: 'rwm' };

/**
 * What every container may use, whatever else it may: every node may be made, these may be opened (null, zero, full, random, urandom,
 * tty, console, ptmx, tun, pty).
 */
export const standardDevices: readonly DeviceRule[] = [
  { allow: true, type: 'b', access: 'm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' },
  { allow: true, type: 'c', major: 1, minor: 5, access: 'rwm' },
  { allow: true, type: 'c', major: 1, minor: 7, access: 'rwm' },
  { allow: true, type: 'c', major: 1, minor: 8, access: 'rwm' },
  { allow: true, type: 'c', major: 1, minor: 9, access: 'rwm' },
  { allow: true, type: 'c', major: 5, minor: 0, access: 'rwm' },
  { allow: true, type: 'c', major: 5, minor: 1, access: 'rwm' },
  { allow: true, type: 'c', major: 5, minor: 2, access: 'rwm' },
  { allow: true, type: 'c', major: 10, minor: 200, access: 'rwm' },
  { allow: true, type: 'c', major: 136, access: 'rwm' },
];

/** Docker's list. */
export const defaultDeviceRules: readonly DeviceRule[] = [denyAllDevices, ...standardDevices];

const numbers = String.raw`(\d+|\*):(\d+|\*)`;

/** `c 10:229 rwm`, the grammar of `--device-cgroup-rule`. */
export function parseDeviceRule(text: string): DeviceRule {
  const [, type, major, minor, access] = new RegExp(`^([acb]) ${numbers} ([rwm]{1,3})$`).exec(text) ?? [];
  if (!type) throw new Refused('invalid', `invalid device cgroup rule "${text}": it is like "c 10:229 rwm"`);
  const number = (name: 'major' | 'minor', value: string | undefined) => (value === '*' ? {} : { [name]: Number(value) });
  return { allow: true, type: type as DeviceRule['type'], ...number('major', major), ...number('minor', minor), access: access! };
}

export function deviceRuleText({ type, major, minor, access }: DeviceRule): string {
  return type === 'a' ? 'a' : `${type} ${major ?? '*'}:${minor ?? '*'} ${access}`;
}

/** Rules before the last one about everything say nothing any more. What comes before all rules is refusal. */
export function effectiveRules(rules: readonly DeviceRule[]): { allowByDefault: boolean; exceptions: DeviceRule[] } {
  const last = rules.findLastIndex(({ type }) => type === 'a');
  return { allowByDefault: last >= 0 && rules[last]!.allow, exceptions: rules.slice(last + 1) };
}

/**
 * The rules as lines for v1. Its list has one default and exceptions from it; a rule that goes back to the default cancels the very same
 * exception. A rule that would take a part out of a wider exception cannot be said there, and is refused.
 * `list` is what a group with processes has now: only the difference is written, so that nothing is denied in between.
 */
export function deviceWrites(tree: CgroupTree, rules: readonly DeviceRule[], list = ''): CgroupWrite[] {
  const { allowByDefault, exceptions } = effectiveRules(rules);
  const kept = new Map<string, DeviceRule>();
  for (const rule of exceptions) {
    if (rule.allow !== allowByDefault) addException(kept, rule);
    else cancelException(kept, rule);
  }
  const wanted = [...kept.values()].map(deviceRuleText);
  const now = parseList(list);
  const line = (allow: boolean, value: string): CgroupWrite => ({ tree, file: fileOf(allow), value, restore: () => value, restoreFile: fileOf(!allow) });
  if (!now || allowByDefault || now.allowByDefault) return [line(allowByDefault, 'a'), ...wanted.map((value) => line(!allowByDefault, value))];
  return [
    ...wanted.filter((value) => !now.lines.includes(value)).map((value) => line(true, value)),
    ...now.lines.filter((value) => !wanted.includes(value)).map((value) => line(false, value)),
  ];
}

function fileOf(allow: boolean): string {
  return allow ? 'devices.allow' : 'devices.deny';
}

/** `devices.list`: `a *:* rwm` for a group that allows all but its exceptions, which it does not tell; else what it allows. */
function parseList(list: string): { allowByDefault: boolean; lines: string[] } | undefined {
  if (list === '') return undefined;
  return { allowByDefault: list.startsWith('a '), lines: list.split('\n') };
}

function deviceKey({ type, major, minor }: DeviceRule): string {
  return `${type} ${major ?? '*'}:${minor ?? '*'}`;
}

function addException(kept: Map<string, DeviceRule>, rule: DeviceRule): void {
  const access = new Set([...(kept.get(deviceKey(rule))?.access ?? ''), ...rule.access]);
  kept.set(deviceKey(rule), { ...rule, access: [...access].join('') });
}

function cancelException(kept: Map<string, DeviceRule>, rule: DeviceRule): void {
  for (const [key, exception] of kept) {
    const left = [...exception.access].filter((letter) => !rule.access.includes(letter)).join('');
    if (!overlaps(exception, rule) || left === exception.access) continue;
    if (!covers(rule, exception)) {
      const [verb, wider] = rule.allow ? ['allow', 'denied'] : ['deny', 'allowed'];
      throw new Refused('unsupported', `cgroup v1 cannot ${verb} the device ${deviceRuleText(rule)} where ${deviceRuleText(exception)} is ${wider}`);
    }
    if (left === '') kept.delete(key);
    else kept.set(key, { ...exception, access: left });
  }
}

function overlaps(a: DeviceRule, b: DeviceRule): boolean {
  const meet = (x: number | undefined, y: number | undefined) => x === undefined || y === undefined || x === y;
  return a.type === b.type && meet(a.major, b.major) && meet(a.minor, b.minor);
}

function covers(wide: DeviceRule, narrow: DeviceRule): boolean {
  const within = (x: number | undefined, y: number | undefined) => x === undefined || x === y;
  return wide.type === narrow.type && within(wide.major, narrow.major) && within(wide.minor, narrow.minor);
}
