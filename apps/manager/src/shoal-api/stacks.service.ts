import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { isRefused, Refused, type Clock, type Random } from '../../../../libs/base/src/index.js';
import { previewChanges, type Preview } from '../../../../libs/control/src/index.js';
import type { StackSpec } from '../../../../libs/model/src/index.js';
import { planStack, planStackRemoval, restoredSpec, type StackChange, type StackPlan, type StackSubject } from '../../../../libs/stack/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { ApiError } from '../http/api-error.js';
import { CLOCK, RANDOM, SECRET_SEALER, STACK_READER, STORE, type SecretSealer } from '../http/tokens.js';
import type { DeployRequest, RollbackRequest } from './bundle-input.js';
import { commitStack } from './commit-stack.js';
import { revisionToRestore } from './stack-revisions.js';
import type { FilePlace, StackReader } from './stack-reader.js';

/** Somebody else's write between look and commit makes the plan worthless; then it is made again. */
const commitAttempts = 5;

export interface DeployAnswer {
  revision: number;
  /** Only what is not as it was. */
  changes: StackChange[];
  notes: Remark[];
  /** What belongs to the stack, is not in the files, and stays, as without `prune`. */
  orphans: StackSubject[];
  /** Ids of the stack's services, in the order of the file. */
  services: string[];
  /** `nothing changed`, or how much did. */
  message: string;
  /** Of a dry run. */
  plan?: PlanOutlook;
}

/** What else there is to say about a deploy that has not been made. */
export interface PlanOutlook extends Preview {
  /** 0: there is no such stack yet. */
  currentRevision: number;
  unchanged: StackSubject[];
}

type Remark = Partial<FilePlace> & { message: string };

interface WhatToDeploy {
  spec: StackSpec;
  notes: Remark[];
  /** Nothing when it came from no file. */
  locate(subject: StackSubject): Partial<FilePlace>;
}

/** Stacks as a whole: all of a deploy is written, or nothing is. */
@Injectable()
export class StacksService {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(RANDOM) private readonly random: Random,
    @Inject(SECRET_SEALER) private readonly sealer: SecretSealer,
    @Inject(STACK_READER) private readonly reader: StackReader,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async deploy(name: string, request: DeployRequest): Promise<DeployAnswer> {
    const read = this.reader.read(name, request.bundle);
    if (!read.ok) throw refusal(`the compose files of stack ${name} have problems`, read.problems);
    return this.#apply(read, request);
  }

  /** Deploys what a former revision was, as a new revision. */
  async rollBack(name: string, request: RollbackRequest): Promise<DeployAnswer> {
    const revision = revisionToRestore(this.store.view(), name, request.revision);
    const { spec, problems } = restoredSpec(this.store.view(), revision, this.#contents());
    if (problems.length > 0) throw refusal(`stack ${name} cannot go back to revision ${revision.revision}`, problems.map(({ message }) => ({ message })));
    return this.#apply({ spec, notes: [], locate: () => ({}) }, { ...request, rollbackTo: revision.revision });
  }

  async #apply({ spec, notes, locate }: WhatToDeploy, request: Omit<DeployRequest, 'bundle'> & { rollbackTo?: number }): Promise<DeployAnswer> {
    const { prune, logins, user: deployedBy, rollbackTo } = request;
    for (let attempt = 1; ; attempt++) {
      this.#requireRevision(spec.name, request.ifRevision);
      const plan = planStack(this.store.view(), spec, { prune, random: this.random, contents: this.#contents(), logins, deployedBy, rollbackTo });
      if (plan.problems.length > 0) throw refusal(`stack ${spec.name} cannot be deployed`, plan.problems.map((problem) => ({ ...locate(problem.subject), message: problem.message })));
      const said = [...notes, ...plan.notes.map((note) => ({ ...locate(note.subject), message: note.message }))];
      if (request.dryRun) return { ...answer(plan, said), plan: await this.#outlook(spec.name, plan) };
      if (await this.#tryCommit(plan, attempt)) return answer(plan, said);
    }
  }

  async #outlook(name: string, plan: StackPlan): Promise<PlanOutlook> {
    const view = this.store.view();
    const context = { nowMs: this.clock.wallMs(), random: this.random };
    const preview = plan.writes.length === 0 ? { placements: [], pending: [], complete: true } : await previewChanges(view, plan.writes, plan.serviceIds, context, setImmediate);
    const unchanged = plan.changes.filter(({ action }) => action === 'unchanged').map(({ kind, name }) => ({ kind, name }));
    return { ...preview, unchanged, currentRevision: view.get('stack', name)?.revision ?? 0 };
  }

  async remove(name: string): Promise<{ changes: StackChange[] }> {
    const removal = planStackRemoval(this.store.view(), name);
    if (removal.problems.length > 0) throw new ApiError(409, removal.problems[0]!.message, { problems: removal.problems });
    if (removal.writes.length === 0) throw new ApiError(404, `nothing found in stack: ${name}`);
    await this.store.commit(removal.writes);
    return { changes: removal.changes };
  }

  async #tryCommit(plan: StackPlan, attempt: number): Promise<boolean> {
    if (plan.writes.length === 0) return true;
    try {
      await commitStack(this.store, plan.writes);
      return true;
    } catch (error) {
      const outdated = isRefused(error, 'conflict') || isRefused(error, 'already-exists');
      if (!outdated || attempt >= commitAttempts) throw error;
      return false;
    }
  }

  #requireRevision(name: string, wanted: number | undefined): void {
    const current = this.store.view().get('stack', name)?.revision ?? 0;
    if (wanted === undefined || wanted === current) return;
    throw new Refused('conflict', `stack ${name} is at revision ${current}, not at ${wanted}: somebody deployed meanwhile; look at the difference and deploy again`);
  }

  #contents() {
    return {
      seal: (data: string) => this.sealer.seal(data),
      open: (sealed: string) => this.sealer.open(sealed),
      digest: (data: string) => createHash('sha256').update(Buffer.from(data, 'base64')).digest('hex'),
    };
  }
}

function refusal(what: string, problems: readonly Remark[]): ApiError {
  const [first] = problems;
  const message = problems.length === 1 ? `${what}: ${first!.message}` : `${what}: ${problems.length} problems; the first: ${first!.message}`;
  return new ApiError(400, message, { problems });
}

function answer(plan: StackPlan, notes: Remark[]): DeployAnswer {
  const changes = plan.changes.filter((change) => change.action !== 'unchanged');
  return {
    revision: plan.revision,
    changes,
    notes,
    orphans: plan.orphans,
    services: plan.serviceIds,
    message: changes.length === 0 ? 'nothing changed' : `${changes.length} of ${plan.changes.length} objects changed`,
  };
}
