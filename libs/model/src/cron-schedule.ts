import { parseDurationMs, Refused } from '../../base/src/index.js';
import { instantsOf, offsetMs, transitionAt } from './time-zone.js';

/** When something is to happen, in the words of cron: `30 2 * * 1-5`, with seconds before them if there are six, or `@daily`. */
export interface CronSchedule {
  seconds: readonly number[];
  minutes: readonly number[];
  hours: readonly number[];
  /** Of every hour, or every n-th: such times come twice when clocks are set back, and not at all when they skip them. */
  hoursRepeat: boolean;
  isDay(dayMs: number): boolean;
  /** `@every 90m`: nothing else counts then. */
  everyMs?: number;
}

const nicknames: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const dayMs = 86_400_000;
const hourMs = 3_600_000;
/** From one 29 February to the next that falls on a certain weekday may be longer; to the next at all it is eight years at most. */
const horizonDays = 366 * 29;

/** `Refused` with what is wrong. */
export function parseCronSchedule(text: string): CronSchedule {
  const every = /^@every\s+(\S+)$/.exec(text.trim());
  if (every) return { seconds: [], minutes: [], hours: [], hoursRepeat: true, isDay: () => true, everyMs: everyOf(text, every[1]!) };
  const fields = (nicknames[text.trim().toLowerCase()] ?? text.trim()).split(/\s+/);
  if (fields.length === 5) fields.unshift('0');
  if (fields.length !== 6) throw wrong(text, 'it has five fields (minute, hour, day of month, month, day of week), six with seconds before them, or is @hourly, @daily, @weekly, @monthly, @yearly or @every 90m');
  const [seconds, minutes, hours, days, months, weekdays] = fields as [string, string, string, string, string, string];
  const monthSet = new Set(valuesOf(text, months, 1, 12, monthNames, 1));
  const daySet = new Set(valuesOf(text, days, 1, 31));
  const weekdaySet = new Set(valuesOf(text, weekdays, 0, 7, dayNames, 0).map((day) => day % 7));
  const isDay = (atMs: number) => {
    const date = new Date(atMs);
    if (!monthSet.has(date.getUTCMonth() + 1)) return false;
    const [ofMonth, ofWeek] = [daySet.has(date.getUTCDate()), weekdaySet.has(date.getUTCDay())];
    // Where both say something, either is enough: so it has been since Unix V7.
    return isAny(days) || isAny(weekdays) ? ofMonth && ofWeek : ofMonth || ofWeek;
  };
  return { seconds: valuesOf(text, seconds, 0, 59), minutes: valuesOf(text, minutes, 0, 59), hours: valuesOf(text, hours, 0, 23), hoursRepeat: isAny(hours), isDay };
}

/**
 * The first time after `afterMs`; undefined: there is none. A time that the clocks of the zone skip is made up for when they have; one that
 * they show twice counts the first time. Schedules of every hour, or every n-th, go by the time that passes instead.
 */
export function nextTick(schedule: CronSchedule, zone: string, afterMs: number): number | undefined {
  if (schedule.everyMs !== undefined) return afterMs + schedule.everyMs;
  const wallMs = afterMs + offsetMs(zone, afterMs);
  // Clocks that were set back show times that have been: begin a little earlier.
  const firstDayMs = Math.floor((wallMs - 3 * hourMs) / dayMs) * dayMs;
  for (let day = 0; day < horizonDays; day++) {
    const startMs = firstDayMs + day * dayMs;
    if (!schedule.isDay(startMs)) continue;
    const tick = firstOfDay(schedule, zone, startMs, afterMs);
    if (tick !== undefined) return tick;
  }
  return undefined;
}

/** The last time up to `nowMs`, not before `sinceMs`, which is one. */
export function latestTick(schedule: CronSchedule, zone: string, sinceMs: number, nowMs: number): number {
  const { everyMs } = schedule;
  if (everyMs !== undefined) return sinceMs + Math.floor((nowMs - sinceMs) / everyMs) * everyMs;
  for (const windowMs of [hourMs, dayMs, 32 * dayMs, 366 * dayMs, Infinity]) {
    let latest: number | undefined;
    for (let tick = nextTick(schedule, zone, Math.max(sinceMs - 1, nowMs - windowMs)); tick !== undefined && tick <= nowMs; tick = nextTick(schedule, zone, tick)) latest = tick;
    if (latest !== undefined) return latest;
  }
  return sinceMs;
}

function firstOfDay(schedule: CronSchedule, zone: string, startMs: number, afterMs: number): number | undefined {
  let first: number | undefined;
  for (const hour of schedule.hours) {
    const hourStartMs = startMs + hour * hourMs;
    // Shifts are shorter than a day: later hours cannot come before.
    if (first !== undefined && hourStartMs - offsetMs(zone, first) > first + 3 * hourMs) break;
    const tick = firstOfHour(schedule, zone, hourStartMs, afterMs);
    if (tick !== undefined && (first === undefined || tick < first)) first = tick;
  }
  return first;
}

/** `hourStartMs` is what clocks show, as if it were UTC. */
function firstOfHour(schedule: CronSchedule, zone: string, hourStartMs: number, afterMs: number): number | undefined {
  const offset = offsetMs(zone, hourStartMs - dayMs);
  const isPlain = offset === offsetMs(zone, hourStartMs + dayMs);
  let first: number | undefined;
  for (const minute of schedule.minutes) {
    for (const second of schedule.seconds) {
      const wallMs = hourStartMs + minute * 60_000 + second * 1000;
      const ticks = isPlain ? [wallMs - offset] : ticksOf(schedule, zone, wallMs);
      for (const tick of ticks) if (tick > afterMs && (first === undefined || tick < first)) first = tick;
      if (isPlain && first !== undefined) return first;
    }
  }
  return first;
}

function ticksOf({ hoursRepeat }: CronSchedule, zone: string, wallMs: number): number[] {
  const instants = instantsOf(zone, wallMs);
  if (hoursRepeat) return instants;
  return instants.length > 0 ? instants.slice(0, 1) : [transitionAt(zone, wallMs)];
}

function isAny(field: string): boolean {
  return field.startsWith('*') || field === '?';
}

function everyOf(text: string, duration: string): number {
  const everyMs = parseDurationMs(duration);
  if (everyMs === undefined || everyMs < 1000) throw wrong(text, 'after @every stands a duration of a second or more, such as 90m');
  return everyMs;
}

/** Of one field, in order: `*`, `5`, `1-5`, `*\/15`, `10-50/20`, `mon,wed`. */
function valuesOf(text: string, field: string, lowest: number, highest: number, names: readonly string[] = [], firstName = 0): number[] {
  const numberOf = (word: string): number => {
    const named = names.indexOf(word.toLowerCase());
    const value = named >= 0 ? named + firstName : /^[0-9]{1,2}$/.test(word) ? Number(word) : NaN;
    if (!(value >= lowest && value <= highest)) throw wrong(text, `"${word}" is not between ${lowest} and ${highest}`);
    return value;
  };
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const [, range = '', step] = /^([^/]+)(?:\/([0-9]{1,2}))?$/.exec(part) ?? [];
    const [, from = '', to] = /^([^-]+)(?:-([^-]+))?$/.exec(range) ?? [];
    if (from === '' || step === '0' || step === '00') throw wrong(text, `"${part}" is none of *, 5, 1-5, */15 or 10-50/20`);
    const any = isAny(from);
    const first = any ? lowest : numberOf(from);
    const last = any ? highest : to !== undefined ? numberOf(to) : step === undefined ? first : highest;
    if (last < first) throw wrong(text, `"${part}" ends before it begins`);
    for (let value = first; value <= last; value += Number(step ?? 1)) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

function wrong(text: string, why: string): Refused {
  return new Refused('invalid', `"${text}" is not a schedule: ${why}`);
}
