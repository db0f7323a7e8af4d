import { Controller, HttpCode, Inject, Param, Post, UseGuards } from '@nestjs/common';
import { isRefused, type Clock } from '../../../../libs/base/src/index.js';
import { orderChanges, serviceOrders, stackLabel, type Change, type ClusterView, type Service, type ServiceOrder } from '../../../../libs/model/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { findService } from '../engine-api/lookup.js';
import { SwarmGuard } from '../engine-api/swarm-guard.js';
import { ApiError } from '../http/api-error.js';
import { CLOCK, STORE } from '../http/tokens.js';

export interface OrderAnswer {
  /** Those that it is meant for, whether it has changed something or not. */
  services: { id: string; name: string }[];
  /** Those of a stack that it does not concern, and why. */
  skipped: { name: string; reason: string }[];
}

/** Somebody else's write between look and commit makes the changes worthless; then they are made again. */
const commitAttempts = 5;

/** What users tell services that is no change of their spec. */
@Controller('shoal/v1')
@UseGuards(SwarmGuard)
export class OrdersController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Post('services/:name/orders/:order')
  @HttpCode(200)
  order(@Param('name') name: string, @Param('order') order: string): Promise<OrderAnswer> {
    return this.#give(checkedOrder(order), (view) => [findService(view, name)], () => undefined);
  }

  @Post('stacks/:name/orders/:order')
  @HttpCode(200)
  orderStack(@Param('name') name: string, @Param('order') order: string): Promise<OrderAnswer> {
    return this.#give(checkedOrder(order), (view) => servicesOf(view, name), (service) => whyNotAsPartOfStack(service, order));
  }

  /** All in one transaction. Refused when it concerns none of them. */
  async #give(order: ServiceOrder, choose: (view: ClusterView) => Service[], whyNot: (service: Service) => string | undefined): Promise<OrderAnswer> {
    for (let attempt = 1; ; attempt++) {
      const view = this.store.view();
      const changes: Change[] = [];
      const answer: OrderAnswer = { services: [], skipped: [] };
      for (const service of choose(view)) {
        const reason = whyNot(service) ?? this.#collect(view, service, order, changes);
        if (reason === undefined) answer.services.push({ id: service.id, name: service.spec.name });
        else answer.skipped.push({ name: service.spec.name, reason });
      }
      if (answer.services.length === 0) throw new ApiError(400, answer.skipped.map(({ reason }) => reason).join('\n'));
      try {
        if (changes.length > 0) await this.store.commit(changes);
        return answer;
      } catch (error) {
        if (!isRefused(error, 'conflict') || attempt === commitAttempts) throw error;
      }
    }
  }

  /** Why it does not concern the service. */
  #collect(view: ClusterView, service: Service, order: ServiceOrder, changes: Change[]): string | undefined {
    try {
      changes.push(...orderChanges(view, service, order, this.clock.wallMs()));
      return undefined;
    } catch (error) {
      if (isRefused(error, 'precondition')) return error.message;
      throw error;
    }
  }
}

function checkedOrder(text: string): ServiceOrder {
  const order = serviceOrders.find((known) => known === text);
  if (!order) throw new ApiError(404, `there is no order "${text}": it is ${serviceOrders.join(', ')}`);
  return order;
}

function servicesOf(view: ClusterView, stack: string): Service[] {
  const services = [...view.all('service')].filter(({ spec }) => spec.labels[stackLabel] === stack).sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1));
  if (services.length === 0) throw new ApiError(404, `stack ${stack} not found`);
  return services;
}

/** To restart a stack is not to run its jobs again. */
function whyNotAsPartOfStack({ spec }: Service, order: string): string | undefined {
  return order === 'restart' && spec.mode.kind.endsWith('-job') ? `${spec.name} is a job: run it with shoal service restart ${spec.name}` : undefined;
}
