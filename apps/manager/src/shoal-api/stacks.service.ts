import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { isRefused, Refused, type Random } from '../../../../libs/base/src/index.js';
import { planStack, planStackRemoval, type StackChange, type StackPlan } from '../../../../libs/stack/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { ApiError } from '../http/api-error.js';
import { RANDOM, SECRET_SEALER, STACK_READER, STORE, type SecretSealer } from '../http/tokens.js';
import type { DeployRequest } from './bundle-input.js';
import { commitStack } from './commit-stack.js';
import type { FileNote, FileProblem, StackReader } from './stack-reader.js';

/** Somebody else's write between look and commit makes the plan worthless; then it is made again. */
const commitAttempts = 5;

export interface DeployAnswer {
  revision: number;
  /** Only what is not as it was. */
  changes: StackChange[];
  notes: FileNote[];
  /** Ids of the stack's services, in the order of the file. */
  services: string[];
  /** `nothing changed`, or how much did. */
  message: string;
}

/** Stacks as a whole: all of a deploy is written, or nothing is. */
@Injectable()
export class StacksService {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(RANDOM) private readonly random: Random,
    @Inject(SECRET_SEALER) private readonly sealer: SecretSealer,
    @Inject(STACK_READER) private readonly reader: StackReader,
  ) {}

  async deploy(name: string, request: DeployRequest): Promise<DeployAnswer> {
    const read = this.reader.read(name, request.bundle);
    if (!read.ok) throw refusal(`the compose files of stack ${name} have problems`, read.problems);
    for (let attempt = 1; ; attempt++) {
      this.#requireRevision(name, request.ifRevision);
      const plan = planStack(this.store.view(), read.spec, { prune: request.prune, random: this.random, contents: this.#contents(), logins: request.logins });
      if (plan.problems.length > 0) throw refusal(`stack ${name} cannot be deployed`, plan.problems.map((problem) => ({ ...read.locate(problem.subject), message: problem.message })));
      if (request.dryRun || (await this.#tryCommit(plan, attempt))) return answer(plan, [...read.notes, ...plan.notes.map((note) => ({ ...read.locate(note.subject), message: note.message }))]);
    }
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

function refusal(what: string, problems: readonly FileProblem[]): ApiError {
  const [first] = problems;
  const message = problems.length === 1 ? `${what}: ${first!.message}` : `${what}: ${problems.length} problems; the first: ${first!.message}`;
  return new ApiError(400, message, { problems });
}

function answer(plan: StackPlan, notes: FileNote[]): DeployAnswer {
  const changes = plan.changes.filter((change) => change.action !== 'unchanged');
  return {
    revision: plan.revision,
    changes,
    notes,
    services: plan.serviceIds,
    message: changes.length === 0 ? 'nothing changed' : `${changes.length} of ${plan.changes.length} objects changed`,
  };
}
