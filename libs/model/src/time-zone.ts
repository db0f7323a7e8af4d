/** What clocks of a time zone show. Zones have the names of the IANA data base, such as `Europe/Berlin`. */

const dayMs = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

export function isTimeZone(zone: string): boolean {
  try {
    formatOf(zone);
    return true;
  } catch {
    return false; // a RangeError: there is no such zone
  }
}

/** By how much clocks there are ahead of UTC. */
export function offsetMs(zone: string, atMs: number): number {
  if (zone === 'UTC') return 0;
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(atMs)) if (type !== 'literal') parts[type] = Number(value);
  const wallMs = Date.UTC(parts['year']!, parts['month']! - 1, parts['day']!, parts['hour']!, parts['minute']!, parts['second']!);
  return wallMs - Math.floor(atMs / 1000) * 1000;
}

/** When clocks there show this time (given as if it were UTC): once; never, when they skip it; twice, when they were set back. In order. */
export function instantsOf(zone: string, wallMs: number): number[] {
  // No clock is a day away from UTC: these are the offsets before and after, whatever happens in between.
  const candidates = [...new Set([wallMs - offsetMs(zone, wallMs - dayMs), wallMs - offsetMs(zone, wallMs + dayMs)])];
  return candidates.filter((atMs) => atMs + offsetMs(zone, atMs) === wallMs).sort((a, b) => a - b);
}

/** The moment at which clocks there skip this time. */
export function transitionAt(zone: string, wallMs: number): number {
  let [before, after] = [wallMs - dayMs, wallMs + dayMs];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (middle + offsetMs(zone, middle) < wallMs) before = middle;
    else after = middle;
  }
  return after;
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' });
    formats.set(timeZone, format);
  }
  return format;
}
