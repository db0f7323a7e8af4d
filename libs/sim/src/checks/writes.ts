import { sameJson } from '../../../base/src/index.js';
import type { Node, Service } from '../../../model/src/index.js';
import { must, type MakeCheck } from './check.js';

/** What users wrote stays as they wrote it, until another user, or a rollback that they asked for in advance, changes it. */
export const writes: MakeCheck = () => ({
  name: 'writes of users',
  committed({ writer, writes: all }) {
    if (writer.kind === 'user') return;
    for (const { kind, id, before, after } of all) {
      if (kind === 'service') checkService(before as Service | undefined, after as Service | undefined);
      if (kind === 'node' && before) must(after && sameJson((before as Node).spec, (after as Node).spec), () => `what a user wrote about ${id} was lost`);
    }
  },
});

function checkService(before: Service | undefined, after: Service | undefined): void {
  must(before && after, () => `a leader created or removed service ${(before ?? after)!.spec.name}`);
  if (sameJson(before.spec, after.spec)) return;
  const isRollback = after.status.update?.state === 'rollback_started' && before.spec.update?.failureAction === 'rollback' && sameJson(before.previousSpec, after.spec);
  must(isRollback, () => `what a user wrote about service ${before.spec.name} was lost: it is ${JSON.stringify(after.spec)} instead of ${JSON.stringify(before.spec)}`);
}
