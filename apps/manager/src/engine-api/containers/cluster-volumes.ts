import { Inject, Injectable } from '@nestjs/common';
import { isRefused, isTemporary } from '../../../../../libs/base/src/index.js';
import { nodeName, type ContainerOperation, type Node, type VolumeFacts } from '../../../../../libs/model/src/index.js';
import type { Store } from '../../../../../libs/store/src/index.js';
import { callContainer, type ContainerStreams } from '../../http/container-streams.js';
import { CONTAINER_STREAMS, STORE } from '../../http/tokens.js';

/** A list must not wait for a node that hangs. */
const listDeadlineMs = 2_000;
const changeDeadlineMs = 60_000;

/** A volume of the cluster: the same name on some of its nodes. */
export interface ClusterVolume {
  name: string;
  /** By name of the node. */
  places: Map<string, VolumeFacts>;
}

/** Volumes are the nodes' own: every node is asked. */
@Injectable()
export class ClusterVolumes {
  constructor(
    @Inject(CONTAINER_STREAMS) private readonly streams: ContainerStreams,
    @Inject(STORE) private readonly store: Store,
  ) {}

  /** By name, with what each node says; and a sentence for each node that could not be asked. */
  async list(): Promise<{ volumes: ClusterVolume[]; warnings: string[] }> {
    const volumes = new Map<string, ClusterVolume>();
    const warnings: string[] = [];
    const nodes = [...this.store.view().all('node')];
    const answers = await Promise.all(nodes.map((node) => this.#ask(node)));
    for (const [index, answer] of answers.entries()) {
      if (typeof answer === 'string') warnings.push(answer);
      else for (const facts of answer) add(volumes, nodeName(nodes[index]!), facts);
    }
    return { volumes: [...volumes.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), warnings };
  }

  /** On every node that is ready: tasks may come to each. */
  async create(wish: Omit<Extract<ContainerOperation, { kind: 'create-volume' }>, 'kind'>): Promise<ClusterVolume> {
    const volume: ClusterVolume = { name: wish.name, places: new Map() };
    const ready = [...this.store.view().all('node')].filter(({ status }) => status.state === 'ready');
    for (const node of ready) volume.places.set(nodeName(node), (await this.#call(node, { kind: 'create-volume', ...wish }, changeDeadlineMs)) as VolumeFacts);
    return volume;
  }

  /** Wherever it is; `Refused` with the first node on which a container uses it, before anything is removed. */
  async remove({ name, places }: ClusterVolume): Promise<void> {
    const nodes = [...this.store.view().all('node')].filter((node) => places.has(nodeName(node)));
    const byUse = nodes.sort((a, b) => places.get(nodeName(b))!.users.length - places.get(nodeName(a))!.users.length);
    for (const node of byUse) await this.#call(node, { kind: 'remove-volume', name }, changeDeadlineMs);
  }

  async #ask(node: Node): Promise<VolumeFacts[] | string> {
    if (node.status.state !== 'ready') return `node ${nodeName(node)} is ${node.status.state}: its volumes are not known`;
    try {
      return (await this.#call(node, { kind: 'volumes' }, listDeadlineMs)) as VolumeFacts[];
    } catch (error) {
      if (!isTemporary(error) && !isRefused(error) && (error as Error).name !== 'TimeoutError') throw error;
      return `the volumes of node ${nodeName(node)} are not known: ${(error as Error).message}`;
    }
  }

  #call(node: Node, operation: ContainerOperation, deadlineMs: number): Promise<unknown> {
    return callContainer(this.streams, { nodeId: node.id, containerId: '' }, operation, AbortSignal.timeout(deadlineMs));
  }
}

function add(volumes: Map<string, ClusterVolume>, nodeName: string, facts: VolumeFacts): void {
  const volume = volumes.get(facts.name) ?? { name: facts.name, places: new Map() };
  volume.places.set(nodeName, facts);
  volumes.set(facts.name, volume);
}
