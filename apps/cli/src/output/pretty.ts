import { stringify } from 'yaml';
import { humanSize } from './size.js';

const nanosecondKeys = new Set(['Delay', 'Monitor', 'Window', 'Interval', 'Timeout', 'StartPeriod', 'StartInterval', 'StopGracePeriod']);

/** An object of the API for people: YAML, durations and sizes in words, nothing empty. */
export function prettyText(object: unknown): string {
  return stringify(readable(object, ''), { lineWidth: 0 });
}

function readable(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return value.map((item) => readable(item, ''));
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).map(([name, inner]) => [name, readable(inner, name)] as const);
    return Object.fromEntries(entries.filter(([name, inner]) => name !== 'Version' && !isEmpty(inner)));
  }
  if (typeof value !== 'number') return value;
  if (nanosecondKeys.has(key)) return `${value / 1e9}s`;
  if (key === 'NanoCPUs') return `${value / 1e9} CPU`;
  return key === 'MemoryBytes' || key === 'SizeBytes' ? humanSize(value) : value;
}

/** An empty object may say something (`Global: {}`), so it stays. */
function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true;
  return Array.isArray(value) && value.length === 0;
}
