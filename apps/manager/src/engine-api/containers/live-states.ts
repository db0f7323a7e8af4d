import { Inject, Injectable } from '@nestjs/common';
import { isRefused, isTemporary } from '../../../../../libs/base/src/index.js';
import type { LiveState, LiveStates } from '../../../../../libs/model/src/index.js';
import { callContainer, type ContainerStreams } from '../../http/container-streams.js';
import { CONTAINER_STREAMS } from '../../http/tokens.js';

/** A list must not wait for a node that hangs. */
const deadlineMs = 2_000;

/** What the nodes know and the store does not: which containers are paused, and how healthy. */
@Injectable()
export class LiveContainerStates {
  constructor(@Inject(CONTAINER_STREAMS) private readonly streams: ContainerStreams) {}

  /** States by container id. A node that cannot be asked in time is left out. */
  async of(nodeIds: Iterable<string>): Promise<Map<string, LiveState>> {
    const answers = await Promise.all([...new Set(nodeIds)].map((nodeId) => this.#ask(nodeId)));
    return new Map(answers.flatMap((states) => Object.entries(states)));
  }

  async #ask(nodeId: string): Promise<LiveStates> {
    const signal = AbortSignal.timeout(deadlineMs);
    try {
      return (await callContainer(this.streams, { nodeId, containerId: '' }, { kind: 'states' }, signal)) as LiveStates;
    } catch (error) {
      if (signal.aborted || isTemporary(error) || isRefused(error)) return {};
      throw error;
    }
  }
}
