import { Controller, Get, Inject } from '@nestjs/common';
import type { Store } from '../../../../libs/store/src/index.js';
import { ApiError } from '../http/api-error.js';
import { STORE } from '../http/tokens.js';

/** For load balancers and supervisors: 200 once this manager has the cluster's state. */
@Controller('healthz')
export class HealthController {
  constructor(@Inject(STORE) private readonly store: Store) {}

  @Get()
  check(): { status: string; revision: number } {
    const view = this.store.view();
    if (!view.cluster) throw new ApiError(503, 'the cluster state is not here yet');
    return { status: 'ok', revision: view.revision };
  }
}
