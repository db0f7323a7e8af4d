import { assertNever, timestamp } from '../../base/src/index.js';
import { cronOptionsOf, templateId, type Change, type ClusterView, type Decide, type DecisionContext, type DecisionResult, type Service } from '../../model/src/index.js';
import { emptyDecision, lookAgainAt, toChanges, toSentences, type ServiceDecision } from './decision.js';
import { planCron } from './cron.js';
import { heldBack, waitOf } from './dependencies.js';
import { planGlobal } from './global.js';
import { planGlobalJob, planReplicatedJob } from './jobs.js';
import { planReplicated } from './replicated.js';
import { steadyServices } from './steady.js';
import { planStopped } from './stopped.js';

/** Every service gets the tasks that it asks for, whatever happened to those it had. */
export const orchestrate: Decide = (view, context) => {
  const result: DecisionResult & { sentences: string[] } = { changes: [], sentences: [] };
  const steady = view.index(steadyServices);
  for (const service of view.all('service')) {
    if (result.changes.length >= muchAtOnce) break; // the others have their turn when this is written
    if (steady.has(service.id)) continue;
    const decision = planService(view, service, context);
    const changes = [...missingTemplate(view, service, context), ...toChanges(view, service, decision, context)];
    steady.note(view, service, decision, changes.length);
    for (const change of changes) result.changes.push(change);
    for (const sentence of toSentences(view, service, decision)) result.sentences.push(sentence);
    if (decision.lookAgainAtMs !== undefined) lookAgainAt(result, decision.lookAgainAtMs);
  }
  return result;
};

/** So many changes are enough for one decision. */
const muchAtOnce = 5_000;

/** What one service needs now. One that waits for others is kept up as it was before. */
function planService(view: ClusterView, service: Service, context: DecisionContext): ServiceDecision {
  if (!waitOf(view, service)) return planMode(view, service, context);
  const before = service.spec.mode.kind.endsWith('-job') ? undefined : heldBack(view, service);
  return before ? planMode(view, before, context) : emptyDecision();
}

function planMode(view: ClusterView, service: Service, context: DecisionContext): ServiceDecision {
  const cron = cronOptionsOf(service.spec);
  if (cron) return planCron(view, service, cron, context);
  if (service.orders?.stopped) return planStopped(view, service);
  const { kind } = service.spec.mode;
  switch (kind) {
    case 'replicated':
      return planReplicated(view, service, context);
    case 'global':
      return planGlobal(view, service, context);
    case 'replicated-job':
      return planReplicatedJob(view, service, context);
    case 'global-job':
      return planGlobalJob(view, service, context);
    default:
      return assertNever(kind);
  }
}

/** A task finds its template under the version it was made for, also when the service has moved on. */
function missingTemplate(view: ClusterView, service: Service, { nowMs }: DecisionContext): Change[] {
  const id = templateId(service.id, service.templateVersion);
  if (view.get('template', id)) return [];
  const now = timestamp(nowMs);
  return [{ action: 'create', kind: 'template', object: { id, createdAt: now, updatedAt: now, template: service.spec.template } }];
}
