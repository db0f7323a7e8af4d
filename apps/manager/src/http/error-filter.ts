import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Trace } from '../../../../libs/base/src/index.js';
import { answerOf } from './api-error.js';
import type { HttpEvent } from './events.js';
import { TRACE } from './tokens.js';

/** One place turns errors into answers: `{"message": …}`, as every Docker client expects it. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(@Inject(TRACE) private readonly trace: Trace<HttpEvent>) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const { status, body, unexpected } = answerOf(error);
    if (unexpected) {
      const stack = error instanceof Error ? error.stack : undefined;
      this.trace({ event: 'request-failed', method: request.method, url: request.url, error: body.message, ...(stack && { stack }) });
    }
    if (reply.sent || reply.raw.headersSent) return;
    void reply.status(status).header('content-type', 'application/json').send(body);
  }
}
