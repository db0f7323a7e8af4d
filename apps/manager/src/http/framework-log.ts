import type { LoggerService } from '@nestjs/common';
import { describeError, type Trace } from '../../../../libs/base/src/index.js';
import type { HttpEvent } from './events.js';

/** Nest's log as events. What it tells of its normal course (routes, modules) is left out. */
export function frameworkLog(trace: Trace<HttpEvent>): LoggerService {
  const tell =
    (level: 'warn' | 'error' | 'fatal') =>
    (message: unknown, ...details: unknown[]) => {
      // Nest puts a stack and the name of its part behind the message; either may be missing.
      const text = details.filter((detail) => typeof detail === 'string').join('\n');
      trace({ event: 'framework', level, message: describeError(message), ...(text && { details: text }) });
    };
  return { log: () => undefined, warn: tell('warn'), error: tell('error'), fatal: tell('fatal') };
}
