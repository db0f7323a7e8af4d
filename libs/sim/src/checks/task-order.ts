import { compareStates, hasEnded, isTerminal, mayMove, type Task } from '../../../model/src/index.js';
import type { Write } from '../authority.js';
import { must, type MakeCheck } from './check.js';

/** No task moves backward, changes what it is, or is written by the wrong one; no leader writes after its successor. */
export const taskOrder: MakeCheck = (world) => {
  let newestEpoch = 0;
  return {
    name: 'task order',
    committed({ writer, changes, writes }) {
      if (writer.kind === 'leader') {
        must(writer.epoch >= newestEpoch, () => `a leader of epoch ${writer.epoch} wrote after one of epoch ${newestEpoch}`);
        newestEpoch = writer.epoch;
      }
      const states = new Map(writes.filter(({ kind }) => kind === 'task').map(({ id, before }) => [id, (before as Task | undefined)?.status.state]));
      for (const change of changes) {
        if (change.action !== 'status' || change.kind !== 'task') continue;
        const from = states.get(change.id);
        if (from) must(change.actor && mayMove(change.actor, from, change.status.state), () => `${change.actor ?? 'nobody'} moved task ${change.id} from ${from} to ${change.status.state}`);
        states.set(change.id, change.status.state);
      }
      for (const write of writes) if (write.kind === 'task') checkTask(write, writer.kind, world.authority.view.get('node', (write.before as Task | undefined)?.nodeId ?? '') !== undefined);
    },
  };
};

function checkTask(write: Write, writer: 'leader' | 'user', nodeIsThere: boolean): void {
  const before = write.before as Task | undefined;
  const after = write.after as Task | undefined;
  if (!before || !after) {
    must(writer === 'leader', () => `a user created or deleted task ${write.id}`);
    if (before) must(hasEnded(before) || compareStates(before.status.state, 'assigned') < 0 || !nodeIsThere, () => `task ${before.id} was deleted while it was ${before.status.state} on ${before.nodeId}`);
    return;
  }
  const { status } = before;
  must(compareStates(status.state, after.status.state) <= 0, () => `task ${before.id} went back from ${status.state} to ${after.status.state}`);
  must(!isTerminal(status.state) || status.state === after.status.state, () => `task ${before.id} had ended as ${status.state} and became ${after.status.state}`);
  must(compareStates(before.desiredState, after.desiredState) <= 0, () => `what is wanted of task ${before.id} went back from ${before.desiredState} to ${after.desiredState}`);
  must(before.nodeId === '' || before.nodeId === after.nodeId, () => `task ${before.id} moved from ${before.nodeId} to ${after.nodeId}`);
  must(before.slot === after.slot && before.templateVersion === after.templateVersion, () => `task ${before.id} changed its slot or version`);
  must(status.state === 'new' || JSON.stringify(before.networks) === JSON.stringify(after.networks), () => `task ${before.id} changed its addresses`);
}
