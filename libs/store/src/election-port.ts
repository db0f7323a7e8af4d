import type { Revision } from '../../model/src/index.js';

/** What the store knows about leadership. A revision of 0: never written. */
export interface LeaderRecord {
  /** Empty: nobody ever led, or the last leader resigned. */
  managerId: string;
  /** Revision of the leader key: the epoch. */
  epoch: Revision;
  /** Revision of the beat key: changes while the leader lives. */
  beat: Revision;
}

/**
 * What an election needs of a store. Every write is guarded, so that two managers can never both succeed:
 * whoever loses is told by `undefined` or `false`.
 */
export interface ElectionPort {
  /** The newest record, read through the quorum: an answer proves that the store is alive. Throws `Temporary`. */
  readLeader(signal?: AbortSignal): Promise<LeaderRecord>;
  /** Makes `managerId` the leader if the record is still `seen`. Resolves with the new epoch. Throws `Temporary`. */
  takeLead(managerId: string, seen: LeaderRecord, signal?: AbortSignal): Promise<Revision | undefined>;
  /** Renews the beat if `epoch` is still in force. Throws `Temporary`. */
  beat(epoch: Revision, signal?: AbortSignal): Promise<boolean>;
  /** Lets others take over at once. Does nothing when `epoch` is over. Throws `Temporary`. */
  resign(epoch: Revision, signal?: AbortSignal): Promise<void>;
}
