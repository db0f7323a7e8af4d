import type { Revision } from '../api-client/types.js';
import { ago } from '../output/duration.js';
import type { Listing } from '../output/listing.js';

/** `stack history`, newest first. */
export function revisionListing(stack: string, revisions: Revision[], nowMs: number): Listing {
  const ownName = (service: string) => (service.startsWith(`${stack}_`) ? service.slice(stack.length + 1) : service);
  return {
    headers: { Revision: 'REVISION', Deployed: 'DEPLOYED', By: 'BY', Note: 'NOTE', Images: 'IMAGES' },
    table: '{{.Revision}}\t{{.Deployed}}\t{{.By}}\t{{.Note}}\t{{.Images}}',
    rows: revisions.map(({ revision, deployedAt, deployedBy, rollbackTo, services }) => ({
      id: String(revision),
      cells: {
        Revision: String(revision),
        Deployed: ago(deployedAt, nowMs),
        By: deployedBy,
        Note: rollbackTo === undefined ? '' : `rollback to ${rollbackTo}`,
        Images: services.map(({ name, image }) => `${ownName(name)} ${image}`).join(', '),
      },
      full: { Revision: revision, DeployedAt: deployedAt, DeployedBy: deployedBy, ...(rollbackTo === undefined ? {} : { RollbackTo: rollbackTo }), Services: services },
    })),
  };
}
