import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { AssignmentSet } from '../../../../libs/model/src/index.js';
import { diffAssignments } from '../../../../libs/dispatcher/src/index.js';
import { encodeItem, encodeItemKey, type AgentMessage, type ManagerMessage } from '../../../../libs/wire/src/index.js';

export type SessionStream = ServerDuplexStream<AgentMessage, ManagerMessage>;

const empty: AssignmentSet = new Map();

/**
 * One agent's connection, seen from the manager: what it was sent, and whether it keeps up.
 *
 * 1. The first assignments are the whole set, all later ones differences from the version before.
 * 2. While the stream is full nothing is sent; afterwards one difference covers all that happened meanwhile.
 */
export class NodeSession {
  #sent: AssignmentSet | undefined;
  #version = 0;
  #full = false;

  constructor(
    readonly nodeId: string,
    readonly instanceId: string,
    private readonly stream: SessionStream,
    onDrain: () => void,
  ) {
    stream.on('drain', () => {
      this.#full = false;
      onDrain();
    });
  }

  send(message: ManagerMessage): void {
    if (!this.stream.writable) return;
    this.#full = !this.stream.write(message);
  }

  /** Sends what is new, if anything is and the agent keeps up. */
  push(epoch: number, wanted: AssignmentSet): void {
    if (this.#full) return;
    const { put, remove } = diffAssignments(this.#sent ?? empty, wanted);
    const complete = this.#sent === undefined;
    if (!complete && put.length === 0 && remove.length === 0) return;
    this.#sent = wanted;
    this.#version++;
    this.send({ epoch, assignments: { complete, version: this.#version, put: put.map(encodeItem), remove: remove.map(encodeItemKey) } });
  }

  end(): void {
    this.stream.end();
  }
}
