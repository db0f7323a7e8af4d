import type { ServerDuplexStream } from '@grpc/grpc-js';
import { Temporary, type Clock, type Random } from '../../../../libs/base/src/index.js';
import { nodeName, type ClusterView, type ContainerOperation } from '../../../../libs/model/src/index.js';
import type { ContainerInput, ContainerOutput } from '../../../../libs/wire/src/index.js';
import type { ContainerPlace, ContainerStream, ContainerStreams } from '../http/container-streams.js';
import { AgentStream } from './agent-stream.js';
import type { SendToNode } from './log-broker.js';

export type ContainerCall = ServerDuplexStream<ContainerOutput, ContainerInput>;

export interface ContainerBrokerOptions {
  view: () => ClusterView;
  send: SendToNode;
  /** How long ago the node was last heard of, ms; undefined: not since this manager leads. */
  silenceMs: (nodeId: string) => number | undefined;
  epoch: () => number;
  clock: Clock;
  random: Random;
}

interface Waiting {
  nodeId: string;
  opened: (stream: AgentStream) => void;
}

/** An agent that has a session and does not open the stream within this time is as good as away. */
const openDeadlineMs = 10_000;
/** Streams of one node at a time: what each costs at most is a few messages' memory here and there. */
const maxStreamsPerNode = 200;

/**
 * Operations on containers, wherever they are: asks the agent over its session, and takes the stream that it opens for it.
 *
 * 1. Every stream belongs to one request; a stream that nobody asked for, or no longer wants, is ended.
 * 2. Nothing is queued: who reads slowly holds up the agent by the stream's own flow control.
 */
export class ContainerBroker implements ContainerStreams {
  readonly #waiting = new Map<string, Waiting>();
  readonly #counts = new Map<string, number>();

  constructor(private readonly options: ContainerBrokerOptions) {}

  async open(place: ContainerPlace, operation: ContainerOperation, signal: AbortSignal): Promise<ContainerStream> {
    signal.throwIfAborted();
    const release = this.#take(place.nodeId);
    try {
      const stream = await this.#request(place, operation, signal);
      stream.onClose(release);
      try {
        await stream.begin(signal);
        return stream;
      } catch (error) {
        stream.close();
        throw error;
      }
    } catch (error) {
      release();
      throw error;
    }
  }

  /** A stream that an agent opened for one of our requests. */
  async receive(call: ContainerCall, nodeId: string): Promise<void> {
    const stream = new AgentStream(call, this.#nameOf(nodeId));
    const requestId = await stream.requestId();
    const waiting = this.#waiting.get(requestId);
    // Another node's request would hand a user's input to whoever guessed its id.
    if (!waiting || waiting.nodeId !== nodeId) return stream.close();
    waiting.opened(stream);
  }

  async #request(place: ContainerPlace, operation: ContainerOperation, signal: AbortSignal): Promise<AgentStream> {
    const { clock, epoch, random, send } = this.options;
    const requestId = random.id();
    let abort = (): void => undefined;
    let cancelDeadline = (): void => undefined;
    try {
      return await new Promise<AgentStream>((resolve, reject) => {
        this.#waiting.set(requestId, { nodeId: place.nodeId, opened: resolve });
        abort = () => reject(signal.reason as Error);
        signal.addEventListener('abort', abort, { once: true });
        cancelDeadline = clock.after(openDeadlineMs, () => reject(this.#silent(place.nodeId, `does not answer within ${openDeadlineMs / 1000} s`)));
        const request = { requestId, containerId: place.containerId, operation };
        if (!send(place.nodeId, { epoch: epoch(), kind: 'container-request', request })) reject(this.#silent(place.nodeId, 'is not connected to this manager'));
      });
    } finally {
      this.#waiting.delete(requestId);
      signal.removeEventListener('abort', abort);
      cancelDeadline();
    }
  }

  #take(nodeId: string): () => void {
    const count = this.#counts.get(nodeId) ?? 0;
    if (count >= maxStreamsPerNode) throw new Temporary(`node ${this.#nameOf(nodeId)} serves ${count} commands at the moment, which is the limit; end one`);
    this.#counts.set(nodeId, count + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = this.#counts.get(nodeId)! - 1;
      if (left === 0) this.#counts.delete(nodeId);
      else this.#counts.set(nodeId, left);
    };
  }

  #silent(nodeId: string, what: string): Temporary {
    const node = this.options.view().get('node', nodeId);
    const silenceMs = this.options.silenceMs(nodeId);
    const heard = silenceMs === undefined ? 'it was not heard of since this manager leads' : `it was last heard of ${Math.round(silenceMs / 1000)} s ago`;
    return new Temporary(`node ${this.#nameOf(nodeId)} ${what}: ${heard}${node ? `, and is ${node.status.state}` : ''}`);
  }

  #nameOf(nodeId: string): string {
    const node = this.options.view().get('node', nodeId);
    return node ? nodeName(node) : nodeId;
  }
}
