import { Controller, Get, Inject, Query as QueryParameters, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Clock } from '../../../../libs/base/src/index.js';
import { CLOCK } from '../http/tokens.js';
import { EventFeed, type EngineEvent } from './event-feed.js';
import { Filters } from './filters.js';
import { queryText, type Query } from './query.js';
import { openStream } from './stream-reply.js';

@Controller('events')
export class EventsController {
  constructor(
    @Inject(EventFeed) private readonly feed: EventFeed,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Past events from `since` on, then those that come, until `until` or until the client goes. */
  @Get()
  async stream(@QueryParameters() query: Query, @Res() reply: FastifyReply): Promise<void> {
    const filters = Filters.parse(queryText(query, 'filters'), 'any');
    const sinceS = Number(queryText(query, 'since') || NaN);
    const untilS = Number(queryText(query, 'until') || NaN);
    const stream = openStream(reply, 'application/json');
    const send = (event: EngineEvent) => {
      if (matches(filters, event)) void stream.write(`${JSON.stringify(event)}\n`);
    };
    const stop = this.feed.listen(send);
    try {
      if (!Number.isNaN(sinceS)) for (const event of this.feed.recent()) if (event.time >= sinceS) send(event);
      await ended(stream.signal, Number.isNaN(untilS) ? undefined : untilS * 1000 - this.clock.wallMs(), this.clock);
    } finally {
      stop();
      stream.end();
    }
  }
}

function matches(filters: Filters, event: EngineEvent): boolean {
  const { ID, Attributes } = event.Actor;
  return (
    filters.equal('type', event.Type) &&
    filters.equal('event', event.Action) &&
    filters.equal('scope', event.scope) &&
    filters.labels('label', Attributes) &&
    (['service', 'node', 'network', 'secret', 'config'] as const).every((kind) => filters.get(kind).length === 0 || (event.Type === kind && filters.prefix(kind, ID, Attributes['name'] ?? '')))
  );
}

function ended(signal: AbortSignal, afterMs: number | undefined, clock: Clock): Promise<void> {
  if (signal.aborted || (afterMs !== undefined && afterMs <= 0)) return Promise.resolve();
  return new Promise((resolve) => {
    const cancel = afterMs === undefined ? undefined : clock.after(afterMs, resolve);
    signal.addEventListener('abort', () => (cancel?.(), resolve()), { once: true });
  });
}
