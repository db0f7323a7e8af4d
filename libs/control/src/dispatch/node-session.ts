import { diffAssignments, type Agreement, type Follower } from '../../../dispatcher/src/index.js';
import { itemKey, type AssignmentItem, type AssignmentSet, type FromManager, type Revision } from '../../../model/src/index.js';
import type { AgentStream } from './agent-stream.js';

const empty: AssignmentSet = new Map();

/** A node that does not come to agree holds up the next use of an address no longer. */
export const agreementCapMs = 30_000;

/**
 * One agent's connection, seen from the manager: what it was sent, and whether it keeps up.
 *
 * 1. The first assignments are the whole set, all later ones differences from the version before.
 * 2. While the stream is full nothing is sent; afterwards one difference covers all that happened meanwhile.
 */
export class NodeSession implements Agreement, Follower {
  #sent: AssignmentSet | undefined;
  #version = 0;
  #full = false;
  #applied = 0;
  #isOpen = true;
  #agreed: Revision | undefined;
  /** Services that a version took away, until the agent has applied it. */
  readonly #leaving = new Map<string, number>();
  /** Versions that the agent's network does not agree with yet, with what of the store they show. */
  #due: { version: number; revision: Revision; sinceMs: number }[] = [];

  constructor(
    readonly nodeId: string,
    readonly instanceId: string,
    private readonly stream: AgentStream,
  ) {}

  /** While the stream is full, what is due goes with the version after. */
  get sentVersion(): number {
    return this.#full ? this.#version + 1 : this.#version;
  }

  get appliedVersion(): number {
    return this.#applied;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  knowsService(serviceId: string): boolean {
    return this.#leaving.has(serviceId) || (this.#sent?.has(itemKey({ kind: 'service', key: serviceId })) ?? false);
  }

  /** The agent's network agrees with this version. */
  applied(version: number): void {
    if (version > this.#version) return;
    this.#applied = Math.max(this.#applied, version);
    for (const [serviceId, removedIn] of this.#leaving) if (removedIn <= this.#applied) this.#leaving.delete(serviceId);
    while (this.#due[0] && this.#due[0].version <= this.#applied) this.#agreed = this.#due.shift()!.revision;
  }

  agreedRevision(nowMs: number): Revision | undefined {
    return this.#due.findLast(({ sinceMs }) => nowMs - sinceMs >= agreementCapMs)?.revision ?? this.#agreed;
  }

  send(word: FromManager): void {
    if (this.#isOpen) this.#full = !this.stream.send(word);
  }

  /** The stream takes more. */
  drained(): void {
    this.#full = false;
  }

  /** Sends what is new, if anything is and the agent keeps up. `holdBack` may name another item to be told for now, given what was sent before. */
  push({ epoch, revision, nowMs }: { epoch: number; revision: Revision; nowMs: number }, wanted: AssignmentSet, holdBack: (before: AssignmentItem | undefined, item: AssignmentItem) => AssignmentItem | undefined): void {
    if (this.#full) return;
    if (wanted === this.#sent) return this.#shows(revision);
    const sent = this.#sent ?? empty;
    let set = wanted;
    let difference = diffAssignments(sent, wanted);
    const held = difference.put.flatMap((item) => holdBack(sent.get(itemKey(item)), item) ?? []);
    if (held.length > 0) {
      set = new Map([...wanted, ...held.map((item) => [itemKey(item), item] as const)]);
      difference = diffAssignments(sent, set);
    }
    const { put, remove } = difference;
    const complete = this.#sent === undefined;
    this.#sent = set;
    if (!complete && put.length === 0 && remove.length === 0) return this.#shows(revision);
    this.#version++;
    for (const { kind, key } of remove) if (kind === 'service') this.#leaving.set(key, this.#version);
    this.#due.push({ version: this.#version, revision, sinceMs: nowMs });
    this.send({ epoch, kind: 'assignments', assignments: { complete, version: this.#version, put, remove } });
  }

  /** The version that was sent last is good for a newer revision too. */
  #shows(revision: Revision): void {
    const last = this.#due.at(-1);
    if (last) last.revision = revision;
    else this.#agreed = revision;
  }

  end(): void {
    this.closed();
    this.stream.end();
  }

  /** Nothing can be expected of it any more. */
  closed(): void {
    this.#isOpen = false;
  }
}
