import type { Scalar } from './value.js';

const date = /^(\d{4})-(\d{1,2})-(\d{1,2})$/;
const spaced = /^(\d{4})-(\d{1,2})-(\d{1,2}) (\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,](\d+))?$/;
const zoned = /^(\d{4})-(\d{1,2})-(\d{1,2})[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,](\d+))?(Z|[+-]\d{2}:\d{2})$/;

/**
 * A plain scalar that YAML 1.1 takes for a point in time, or nothing: `2020-01-02`, `2020-1-2 3:4:5.6`,
 * `2020-01-02T03:04:05Z`, `…+02:00`. Its text is Go's `Time.String()`.
 */
export function parseTimestamp(source: string): Extract<Scalar, { kind: 'time' }> | undefined {
  const match = date.exec(source) ?? spaced.exec(source) ?? zoned.exec(source);
  if (!match) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = match;
  if (!isCalendarDate(Number(year), Number(month), Number(day))) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59 || !isZone(zone)) return undefined;
  const two = (text: string | undefined): string => String(text).padStart(2, '0');
  const nanoseconds = fraction.slice(0, 9).replace(/0+$/, '');
  const day10 = `${year}-${two(month)}-${two(day)}`;
  const clock = `${two(hour)}:${two(minute)}:${two(second)}${nanoseconds ? `.${nanoseconds}` : ''}`;
  const offset = zone === 'Z' ? '+0000' : zone.replace(':', '');
  const name = offset === '+0000' || offset === '-0000' ? 'UTC' : offset;
  return { kind: 'time', rfc3339: `${day10}T${clock}${name === 'UTC' ? 'Z' : zone}`, text: `${day10} ${clock} ${name === 'UTC' ? '+0000' : offset} ${name}` };
}

function isCalendarDate(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day <= (days[month - 1] as number);
}

function isZone(zone: string): boolean {
  return zone === 'Z' || (Number(zone.slice(1, 3)) <= 24 && Number(zone.slice(4, 6)) < 60);
}
