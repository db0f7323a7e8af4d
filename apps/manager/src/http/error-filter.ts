import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { answerOf } from './api-error.js';

/** One place turns errors into answers: `{"message": …}`, as every Docker client expects it. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  readonly #logger = new Logger('http');

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const { status, body, unexpected } = answerOf(error);
    if (unexpected) this.#logger.error(`${request.method} ${request.url}: ${body.message}`, error instanceof Error ? error.stack : undefined);
    if (reply.sent || reply.raw.headersSent) return;
    void reply.status(status).header('content-type', 'application/json').send(body);
  }
}
