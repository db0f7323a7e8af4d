import { KeyedSequencer, Refused, Temporary, timestamp, type Clock } from '../../base/src/index.js';
import type { Change, ClusterView, IndexedView, Revision } from '../../model/src/index.js';
import { applyChanges } from '../../store/src/apply-changes.js';
import type { ElectionPort, LeaderRecord, Store } from '../../store/src/index.js';
import { Listeners, type StoreListener } from '../../store/src/listeners.js';
import type { Authority, Commit, Writer } from './authority.js';
import type { Dice } from './dice.js';
import type { Process } from './process.js';

/** How the store answers one manager. */
export type StoreMood =
  | 'fine'
  /** It takes the question and says nothing until it is well again; the client gives up. */
  | 'stalled'
  /** Nothing is written, and the client is told so. */
  | 'refusing'
  /** What was asked is done, and the answer gets lost. */
  | 'mute';

const clientTimeoutMs = 3_000;

/**
 * One manager's store, with the promises of `EtcdStore` and its ways of failing.
 *
 * 1. The view follows the truth a little later; own commits are seen at once, even before foreign ones that came earlier.
 * 2. A commit is checked on the own view, then guarded by it: what somebody else changed meanwhile is a conflict.
 * 3. One commit at a time. One that the client has given up may have been done nevertheless.
 */
export class ManagerStore implements Store, ElectionPort {
  mood: StoreMood = 'fine';
  readonly #view: IndexedView;
  readonly #listeners = new Listeners();
  readonly #commits = new KeyedSequencer();
  readonly #seen = new Set<Revision>();

  constructor(
    private readonly options: { authority: Authority; process: Process; world: Clock; dice: Dice; manager: string },
  ) {
    const { authority, process, world, dice } = options;
    this.#view = authority.view.fork();
    let lastMs = 0;
    authority.onCommit((commit) => {
      if (!process.isAlive) return;
      lastMs = Math.max(lastMs, world.monotonicMs() + dice.skewed(1, 80)); // news come in order
      world.after(lastMs - world.monotonicMs(), () => process.deliver(() => this.#see(commit)));
    });
  }

  view(): ClusterView {
    return this.#view;
  }

  watch(listener: StoreListener): () => void {
    return this.#listeners.add(listener);
  }

  commit(changes: readonly Change[], signal?: AbortSignal): Promise<Revision> {
    return this.#enqueue(changes, { kind: 'user' }, signal);
  }

  fencedBy(epoch: Revision): Store {
    const writer: Writer = { kind: 'leader', manager: this.options.manager, epoch };
    return {
      view: () => this.#view,
      commit: (changes, signal) => this.#enqueue(changes, writer, signal),
      watch: (listener) => this.watch(listener),
      fencedBy: (other) => this.fencedBy(other),
    };
  }

  readLeader(): Promise<LeaderRecord> {
    return this.#ask(() => this.options.authority.election.readLeader());
  }

  takeLead(managerId: string, seen: LeaderRecord): Promise<Revision | undefined> {
    return this.#ask(() => this.options.authority.election.takeLead(managerId, seen));
  }

  beat(epoch: Revision): Promise<boolean> {
    return this.#ask(() => this.options.authority.election.beat(epoch));
  }

  resign(epoch: Revision): Promise<void> {
    return this.#ask(() => this.options.authority.election.resign(epoch));
  }

  #enqueue(changes: readonly Change[], writer: Writer, signal?: AbortSignal): Promise<Revision> {
    return this.#commits.run('', async () => {
      signal?.throwIfAborted();
      const drafts = applyChanges(this.#view, changes, timestamp(this.options.process.clock.wallMs()));
      if (drafts.length === 0) return this.#view.revision;
      const commit = await this.#ask(() => {
        const foreign = drafts.find(({ kind, id, before }) => this.options.authority.view.get(kind, id) !== before);
        if (foreign) throw new Refused('conflict', `${foreign.kind} ${foreign.id} was changed by another manager meanwhile; look again and repeat`);
        return this.options.authority.commit(changes, writer);
      });
      this.#see(commit);
      return commit.revision;
    });
  }

  #see(commit: Commit): void {
    if (this.#seen.has(commit.revision)) return;
    this.#seen.add(commit.revision);
    for (const { kind, id, after } of commit.writes) this.#view.apply(kind, id, after as never);
    this.#view.revision = Math.max(this.#view.revision, commit.revision);
    this.#listeners.tell(commit.events, commit.revision);
  }

  /** A question to the store and its answer, over a network and within the client's patience. */
  async #ask<T>(execute: () => Promise<T>): Promise<T> {
    const { process, world, dice } = this.options;
    const wayMs = dice.skewed(1, 30);
    return process.hear(
      (async () => {
        await world.sleep(wayMs);
        if (this.mood === 'refusing') throw new Temporary('no quorum; nothing was written');
        if (this.mood === 'stalled') {
          await world.sleep(clientTimeoutMs);
          if (dice.chance(50)) await execute().catch(() => undefined); // nobody is there to hear of a failure
          throw new Temporary('the store did not answer; it may or may not take effect');
        }
        const answer = await execute();
        await world.sleep(wayMs);
        if (this.mood === 'mute') throw new Temporary('the answer got lost; it may or may not take effect');
        return answer;
      })(),
    );
  }
}
