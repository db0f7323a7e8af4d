import { isRefused, parseDurationMs, Refused } from '../../base/src/index.js';
import type { Problem } from './admission.js';
import type { Labels, ServiceSpec } from './service.js';

/*
 * How many tasks a service has may follow what they use. Like all that Docker's API has no word for, a label says it:
 *
 *   shoal.autoscale=min=2 max=10 cpu=70 memory=80 cooldown=1m
 */

export interface AutoscaleOptions {
  min: number;
  max: number;
  /** Wanted average use of the tasks in percent of their CPU limit, or of one CPU. Absent: it does not matter. */
  cpuPercent?: number;
  /** The same of their memory limit. */
  memoryPercent?: number;
  /** How long after a change of the number there is none. */
  cooldownMs: number;
}

export const autoscaleLabel = 'shoal.autoscale';

const defaultCooldownMs = 60_000;
const keys = ['min', 'max', 'cpu', 'memory', 'cooldown'];

/** Undefined: it is not asked for. `Refused` when it makes no sense. */
export function parseAutoscale(labels: Labels): AutoscaleOptions | undefined {
  const text = labels[autoscaleLabel];
  if (text === undefined) return undefined;
  const parts = new Map(text.split(/[\s,]+/).filter(Boolean).map((part): [string, string] => {
    const [, key = '', value = ''] = /^([a-z]+)=(.+)$/.exec(part) ?? [];
    if (!keys.includes(key)) throw refused(`"${part}" is not ${keys.map((one) => `${one}=…`).join(', ')}`);
    return [key, value];
  }));
  const whole = (key: string): number | undefined => {
    const value = parts.get(key)?.replace(/%$/, '');
    if (value !== undefined && (!/^[0-9]+$/.test(value) || Number(value) === 0)) throw refused(`${key} must be a whole number above 0`);
    return value === undefined ? undefined : Number(value);
  };
  const [min = 1, max, cpuPercent, memoryPercent] = [whole('min'), whole('max'), whole('cpu'), whole('memory')];
  if (max === undefined) throw refused('it does not say max');
  if (min > max) throw refused(`min ${min} is above max ${max}`);
  if (cpuPercent === undefined && memoryPercent === undefined) throw refused('it says neither cpu nor memory, the use in percent that it aims at');
  const cooldownMs = parts.has('cooldown') ? parseDurationMs(parts.get('cooldown')!) : defaultCooldownMs;
  if (cooldownMs === undefined || cooldownMs < 1_000) throw refused(`cooldown "${parts.get('cooldown')}" is not a duration of at least 1s`);
  return { min, max, ...(cpuPercent !== undefined && { cpuPercent }), ...(memoryPercent !== undefined && { memoryPercent }), cooldownMs };
}

/** Of a service that was admitted. */
export function autoscaleOf({ labels }: Pick<ServiceSpec, 'labels'>): AutoscaleOptions | undefined {
  if (labels[autoscaleLabel] === undefined) return undefined;
  try {
    return parseAutoscale(labels);
  } catch (error) {
    if (isRefused(error)) return undefined; // stored by an older manager, which did not check it
    throw error;
  }
}

export function checkAutoscale({ labels, mode, template }: ServiceSpec): Problem[] {
  const invalid = (message: string): Problem[] => [{ code: 'invalid', message: `${autoscaleLabel}: ${message}` }];
  try {
    const options = parseAutoscale(labels);
    if (!options) return [];
    if (mode.kind !== 'replicated') return invalid('only a replicated service has a number of tasks to change');
    if (options.memoryPercent !== undefined && !template.resources?.limits?.memoryBytes) return invalid('memory is a share of the memory limit, and there is none');
    return [];
  } catch (error) {
    if (!isRefused(error)) throw error;
    return [{ code: error.code, message: error.message }];
  }
}

function refused(message: string): Refused {
  return new Refused('invalid', `${autoscaleLabel}: ${message}`);
}
