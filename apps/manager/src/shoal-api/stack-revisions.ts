import { Refused } from '../../../../libs/base/src/index.js';
import type { ClusterView, RecordedStack, StackRevision } from '../../../../libs/model/src/index.js';
import { revisionsOf } from '../../../../libs/stack/src/index.js';
import { ApiError } from '../http/api-error.js';

export interface RevisionSummary {
  revision: number;
  deployedAt: string;
  /** Empty: the client did not say. */
  deployedBy: string;
  /** The earlier revision that this one repeats. */
  rollbackTo?: number;
  /** Their names, and the images that the file gives them. */
  services: { name: string; image: string }[];
}

export interface RevisionDetails extends RevisionSummary {
  spec: RecordedStack;
}

/** Newest first. */
export function revisionSummaries(view: ClusterView, stack: string): RevisionSummary[] {
  return knownRevisions(view, stack).map(summaryOf).reverse();
}

export function revisionDetails(view: ClusterView, stack: string, number: string): RevisionDetails {
  if (!/^\d+$/.test(number)) throw new ApiError(400, `"${number}" is not the number of a revision`);
  const revision = revisionNumbered(knownRevisions(view, stack), stack, Number(number));
  return { ...summaryOf(revision), spec: revision.spec };
}

/** The wanted one, or the one before the newest. */
export function revisionToRestore(view: ClusterView, stack: string, wanted: number | undefined): StackRevision {
  const known = knownRevisions(view, stack);
  if (wanted !== undefined) return revisionNumbered(known, stack, wanted);
  const before = known.at(-2);
  if (!before) throw new Refused('precondition', `stack ${stack} has no revision before ${known.at(-1)?.revision}: there is nothing to go back to`);
  return before;
}

function knownRevisions(view: ClusterView, stack: string): StackRevision[] {
  const revisions = revisionsOf(view, stack);
  if (revisions.length === 0) throw new ApiError(404, `stack ${stack} has no revisions: it was never deployed with shoal stack deploy`);
  return revisions;
}

function revisionNumbered(known: StackRevision[], stack: string, number: number): StackRevision {
  const found = known.find(({ revision }) => revision === number);
  if (found) return found;
  throw new ApiError(404, `stack ${stack} has no revision ${number}: ${known[0]!.revision} to ${known.at(-1)!.revision} are kept`);
}

function summaryOf({ revision, createdAt, deployedBy, rollbackTo, spec }: StackRevision): RevisionSummary {
  const services = spec.services.map(({ name, template }) => ({ name, image: template.container.image }));
  return { revision, deployedAt: createdAt, deployedBy, ...(rollbackTo === undefined ? {} : { rollbackTo }), services };
}
