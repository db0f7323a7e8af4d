import type { Clock } from './clock.js';

/** Where traces of every lib end up at the edges: one JSON object per line. */
export interface Log {
  event(event: { event: string; [field: string]: unknown }): void;
}

/** `write` gets whole lines. Errors in events are strings already: libs describe them. */
export function jsonLog(options: { clock: Clock; write: (line: string) => void }): Log {
  return {
    event: (event) => options.write(JSON.stringify({ time: new Date(options.clock.wallMs()).toISOString(), ...event }) + '\n'),
  };
}
