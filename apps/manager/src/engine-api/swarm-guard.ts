import { Inject, Injectable, type CanActivate } from '@nestjs/common';
import type { Store } from '../../../../libs/store/src/index.js';
import { ApiError } from '../http/api-error.js';
import { STORE } from '../http/tokens.js';

/** Everything of the swarm needs the cluster's own record; before it is there, this manager is still starting. */
@Injectable()
export class SwarmGuard implements CanActivate {
  constructor(@Inject(STORE) private readonly store: Store) {}

  canActivate(): boolean {
    if (this.store.view().cluster) return true;
    throw new ApiError(503, 'This node is not a swarm manager. Manager is being prepared or has trouble connecting to the cluster.');
  }
}
