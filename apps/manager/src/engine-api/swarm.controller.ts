import { Body, Controller, Get, HttpCode, Inject, Post, Query as QueryParameters, UseGuards } from '@nestjs/common';
import type { Cluster } from '../../../../libs/model/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { createJoinToken, parseJoinToken } from '../../../../libs/identity/src/index.js';
import { ApiError, asSwarm } from '../http/api-error.js';
import { STORE } from '../http/tokens.js';
import { clusterInfoTo } from './convert/swarm.js';
import { JsonInput } from './json-input.js';
import type { Json } from './json-output.js';
import { looseBoolean, strictBoolean, versionOf, type Query } from './query.js';
import { SwarmGuard } from './swarm-guard.js';

const alreadyPart = 'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.';

@Controller('swarm')
@UseGuards(SwarmGuard)
export class SwarmController {
  constructor(@Inject(STORE) private readonly store: Store) {}

  @Get()
  inspect(): Json {
    const cluster = this.#cluster();
    return { ...clusterInfoTo(cluster), JoinTokens: { Worker: cluster.joinTokens.worker, Manager: cluster.joinTokens.manager } };
  }

  @Post('update')
  @HttpCode(200)
  async update(@QueryParameters() query: Query, @Body() body: unknown): Promise<void> {
    const expect = versionOf(query, 'swarm');
    const rotateWorker = strictBoolean(query, 'rotateWorkerToken');
    const rotateManager = strictBoolean(query, 'rotateManagerToken');
    strictBoolean(query, 'rotateManagerUnlockKey');
    const cluster = changedCluster(this.#cluster(), JsonInput.from(body, 'Spec'));
    if (rotateWorker) cluster.joinTokens = { ...cluster.joinTokens, worker: rotated(cluster.joinTokens.worker) };
    if (rotateManager) cluster.joinTokens = { ...cluster.joinTokens, manager: rotated(cluster.joinTokens.manager) };
    await asSwarm(this.store.commit([{ action: 'update', kind: 'cluster', object: cluster, expect }]));
  }

  @Get('unlockkey')
  unlockKey(): Json {
    return { UnlockKey: '' };
  }

  @Post('unlock')
  unlock(): never {
    throw new ApiError(409, 'swarm is not locked');
  }

  @Post('init')
  init(@Body() body: unknown): never {
    JsonInput.from(body, '');
    throw new ApiError(503, alreadyPart);
  }

  @Post('join')
  join(@Body() body: unknown): never {
    JsonInput.from(body, '');
    throw new ApiError(503, alreadyPart);
  }

  /** A manager is more than this API can take down; the refusal says what does. */
  @Post('leave')
  leave(@QueryParameters() query: Query): never {
    if (looseBoolean(query, 'force')) {
      throw new ApiError(501, 'a manager does not leave through this API: stop the manager on its host and remove its state folder');
    }
    const managers = [...this.store.view().all('node')].filter((node) => node.spec.role === 'manager').length;
    const last = managers <= 1;
    throw new ApiError(
      503,
      'You are attempting to leave the swarm on a node that is participating as a manager. ' +
        (last
          ? 'Removing the last manager erases all current state of the swarm. Use `--force` to ignore this message. '
          : 'The only way to restore a swarm that has lost consensus is to reinitialize it with `--force-new-cluster`. Use `--force` to suppress this message.'),
    );
  }

  #cluster(): Cluster {
    return this.store.view().cluster!;
  }
}

/** What of Docker's swarm spec has a meaning here; a change of the rest is refused rather than dropped. */
function changedCluster(cluster: Cluster, spec: JsonInput): Cluster {
  if (spec.object('EncryptionConfig')?.boolean('AutoLockManagers')) {
    throw new ApiError(501, 'autolock is not available: the keys of managers lie in their state folders, readable by root only');
  }
  const authority = spec.object('CAConfig');
  if (authority?.string('SigningCACert') || authority?.string('SigningCAKey') || authority?.count('ForceRotate') || authority?.objects('ExternalCAs').length) {
    throw new ApiError(501, "rotating the cluster's CA is not available");
  }
  const heartbeatNs = spec.object('Dispatcher')?.integer('HeartbeatPeriod');
  return {
    ...cluster,
    name: spec.string('Name') || cluster.name,
    labels: spec.labels('Labels') ?? {},
    taskHistoryLimit: spec.object('Orchestration')?.integer('TaskHistoryRetentionLimit') ?? cluster.taskHistoryLimit,
    heartbeatPeriodMs: heartbeatNs ? Math.round(heartbeatNs / 1e6) : cluster.heartbeatPeriodMs,
  };
}

/** The same CA digest with another secret: nodes that have joined are not concerned. */
function rotated(token: string): string {
  return createJoinToken(parseJoinToken(token).caDigest);
}
