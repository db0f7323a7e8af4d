import { ignoreAbort, type Clock, type Random, type Trace } from '../../../../libs/base/src/index.js';
import { runLoop, subsystems, type ControlEvent, type Duty } from '../../../../libs/control/src/index.js';
import type { ManagerFiles, NodeFiles } from '../../../../libs/identity/src/index.js';
import { compactBehind, type EtcdStore } from '../../../../libs/store/src/index.js';
import { announceLeader } from './announce-leader.js';
import { firstRecords } from './first-records.js';

const compactEveryMs = 5_000;
const keepRevisions = 500;

export interface ControlDutyOptions {
  files: NodeFiles;
  secrets: ManagerFiles;
  /** `host:port` of this manager, for those who read the nodes. */
  address: string;
  clock: Clock;
  random: Random;
  trace: Trace<ControlEvent>;
}

/** Writes what a new cluster begins with and who leads now; then decides. */
export function controlDuty({ files, secrets, address, clock, random, trace }: ControlDutyOptions): Duty {
  return async ({ store, signal }) => {
    const changes = firstRecords(store.view(), files, secrets, { clock, random });
    if (changes.length > 0) await store.commit(changes, signal);
    await announceLeader(store, files.nodeId, address, signal);
    await runLoop({ store, subsystems, clock, random, trace, signal });
  };
}

/** Keeps etcd's history short: the views of all managers are in memory. */
export function compactDuty(store: EtcdStore, clock: Clock): Duty {
  return async ({ signal }) => {
    while (!signal.aborted) {
      await compactBehind(store, keepRevisions);
      await clock.sleep(compactEveryMs, signal).catch(ignoreAbort(signal));
    }
  };
}
