import { Inject, Injectable } from '@nestjs/common';
import { isRefused, isTemporary } from '../../../../libs/base/src/index.js';
import { nodeName, type NetworkFacts, type Node } from '../../../../libs/model/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { callContainer, type ContainerStreams } from '../http/container-streams.js';
import { CONTAINER_STREAMS, STORE } from '../http/tokens.js';
import type { NodeAnswer } from './network-check.js';

/** Probes take two seconds; a node that hangs must not hold up the others. */
const probeDeadlineMs = 6_000;
const factsDeadlineMs = 1_000;

/** Every node is asked for what it knows of its own network. */
@Injectable()
export class NodeNetworks {
  constructor(
    @Inject(CONTAINER_STREAMS) private readonly streams: ContainerStreams,
    @Inject(STORE) private readonly store: Store,
  ) {}

  ask(probe: boolean): Promise<NodeAnswer[]> {
    return Promise.all([...this.store.view().all('node')].map((node) => this.#ask(node, probe)));
  }

  async #ask(node: Node, probe: boolean): Promise<NodeAnswer> {
    const answer = { id: node.id, name: nodeName(node) };
    if (node.status.state !== 'ready') return { ...answer, error: `the node is ${node.status.state}` };
    try {
      const signal = AbortSignal.timeout(probe ? probeDeadlineMs : factsDeadlineMs);
      const facts = (await callContainer(this.streams, { nodeId: node.id, containerId: '' }, { kind: 'network', probe }, signal)) as NetworkFacts;
      return { ...answer, facts };
    } catch (error) {
      if (!isTemporary(error) && !isRefused(error) && (error as Error).name !== 'TimeoutError') throw error;
      return { ...answer, error: (error as Error).message };
    }
  }
}
