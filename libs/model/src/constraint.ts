import { Refused } from '../../base/src/index.js';
import { normalArchitecture } from './architecture.js';
import { isInNetwork, parseIpNetwork } from './ip-network.js';
import type { Node } from './objects.js';

/** One placement constraint: `node.labels.disk == ssd`, or Shoal's own `node.labels.disk in (ssd, nvme)`. */
export interface Constraint {
  key: string;
  operator: '==' | '!=' | 'in';
  /** One, but for `in`. */
  values: string[];
}

const wellKnownKeys = ['node.id', 'node.hostname', 'node.ip', 'node.role', 'node.platform.os', 'node.platform.arch'];
const labelPrefixes = ['node.labels.', 'engine.labels.'];

/** Throws `Refused('invalid')` with the words that Docker has for it. */
export function parseConstraint(text: string): Constraint {
  const { key, operator, values } = split(text);
  if (!/^[a-z_][a-z0-9\-_./]*$/i.test(key)) throw new Refused('invalid', `key '${key}' is invalid in constraint ${text}`);
  for (const value of values) if (value === '' || /[=!]/.test(value)) throw new Refused('invalid', `value '${value}' is invalid in constraint ${text}`);
  const known = wellKnownKeys.includes(key.toLowerCase()) || labelPrefixes.some((prefix) => key.toLowerCase().startsWith(prefix));
  if (!known) {
    throw new Refused('invalid', `'${key}' in constraint ${text} is no property of a node: use ${[...wellKnownKeys, 'node.labels.NAME', 'engine.labels.NAME'].join(', ')}`);
  }
  const wrong = key.toLowerCase() === 'node.ip' ? values.find((value) => !parseIpNetwork(value)) : undefined;
  if (wrong !== undefined) throw new Refused('invalid', `'${wrong}' in constraint ${text} is neither an address nor a subnet: write one like 10.0.0.7 or 10.0.0.0/24`);
  return { key, operator, values };
}

function split(text: string): Constraint {
  const list = /^\s*([^\s=!]+)\s+in\s*\(([^()]*)\)\s*$/i.exec(text);
  if (list) return { key: list[1]!, operator: 'in', values: list[2]!.split(',').map((value) => value.trim()) };
  const parts = /^([^=!]*)(==|!=)(.*)$/.exec(text);
  if (!parts) throw new Refused('invalid', `constraint expected one operator from ==, !=: ${text}`);
  return { key: parts[1]!.trim(), operator: parts[2] as Constraint['operator'], values: [parts[3]!.trim()] };
}

/** Values compare without case, as in Swarm; `node.ip` also with a subnet. A missing label is an empty value: `!=` accepts it. */
function satisfies(node: Node, constraint: Constraint): boolean {
  const actual = valueOf(node, constraint.key);
  const equal = constraint.values.some((value) => same(constraint.key, actual, value));
  return constraint.operator === '!=' ? !equal : equal;
}

/** Does the node satisfy all of them? Text that is no constraint is satisfied nowhere. */
export function satisfiesAll(node: Node, constraints: readonly string[]): boolean {
  return constraints.every((text) => {
    const constraint = parsed(text);
    return constraint !== undefined && satisfies(node, constraint);
  });
}

/** Those that the node does not satisfy, with what it has instead; empty: nothing. */
export function unsatisfied(node: Node, constraints: readonly string[]): { constraint: string; actual: string }[] {
  return constraints.flatMap((text) => {
    const constraint = parsed(text);
    return constraint && satisfies(node, constraint) ? [] : [{ constraint: text, actual: constraint ? valueOf(node, constraint.key) : '' }];
  });
}

/** The value of a node's label by its descriptor `node.labels.NAME` or `engine.labels.NAME`; empty when absent. */
export function labelOf(node: Node, descriptor: string): string {
  const name = labelName(descriptor);
  if (name === undefined) return '';
  const labels = descriptor.toLowerCase().startsWith('node.') ? node.spec.labels : node.status.description?.engineLabels;
  return labels?.[name] ?? '';
}

function same(key: string, actual: string, wanted: string): boolean {
  if (key.toLowerCase() === 'node.platform.arch') return normalArchitecture(actual) === normalArchitecture(wanted);
  if (key.toLowerCase() === 'node.ip') return isInNetwork(actual, parseIpNetwork(wanted)!);
  return actual.toLowerCase() === wanted.toLowerCase();
}

function valueOf(node: Node, key: string): string {
  const description = node.status.description;
  switch (key.toLowerCase()) {
    case 'node.id':
      return node.id;
    case 'node.hostname':
      return description?.hostname ?? '';
    case 'node.ip':
      return node.status.address;
    case 'node.role':
      return node.spec.role;
    case 'node.platform.os':
      return description?.os ?? '';
    case 'node.platform.arch':
      return description?.architecture ?? '';
    default:
      return labelOf(node, key);
  }
}

function labelName(descriptor: string): string | undefined {
  const prefix = labelPrefixes.find((candidate) => descriptor.toLowerCase().startsWith(candidate));
  return prefix === undefined ? undefined : descriptor.slice(prefix.length);
}

const cache = new Map<string, Constraint | undefined>();

function parsed(text: string): Constraint | undefined {
  if (cache.has(text)) return cache.get(text);
  if (cache.size > 10_000) cache.clear();
  const constraint = parsedNow(text);
  cache.set(text, constraint);
  return constraint;
}

function parsedNow(text: string): Constraint | undefined {
  try {
    return parseConstraint(text);
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}
