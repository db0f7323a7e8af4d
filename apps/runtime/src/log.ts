import { appendFileSync, writeSync } from 'node:fs';

export type Level = 'error' | 'warning' | 'debug';

const standardError = 2;

/** Where callers look for what went wrong: `--log`, as text or as one JSON object a line; errors on standard error as well. */
export class Log {
  constructor(
    readonly path: string | undefined,
    readonly format: 'text' | 'json',
    readonly debug: boolean,
  ) {}

  write(level: Level, message: string): void {
    if (level === 'debug' && !this.debug) return;
    const line = this.#line(level, message);
    if (this.path) appendFileSync(this.path, line);
    else writeSync(standardError, line);
    if (this.path && level === 'error') writeSync(standardError, `${message}\n`);
  }

  #line(level: Level, message: string): string {
    const time = new Date().toISOString();
    if (this.format === 'json') return `${JSON.stringify({ level, msg: message, time })}\n`;
    return `time="${time}" level=${level} msg=${JSON.stringify(message)}\n`;
  }
}
