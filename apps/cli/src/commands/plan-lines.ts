import type { Paint, Palette } from '../output/colour.js';
import type { DeployAnswer } from './apply-stack.js';
import { fieldLines, type StackChange } from './stack-changes.js';

/** What the manager says about a deploy that has not been made. */
export interface PlanOutlook {
  /** 0: there is no such stack yet. */
  currentRevision: number;
  unchanged: { kind: string; name: string }[];
  placements: { service: string; task: string; node: string }[];
  pending: { service: string; task: string; node?: string; reason: string }[];
  complete: boolean;
}

const noOutlook: PlanOutlook = { currentRevision: 0, unchanged: [], placements: [], pending: [], complete: true };

/** Services with more new tasks than this are told by node. */
const maxTasksListed = 20;

type Effect = 'create' | 'update in place' | 'restart' | 'remove' | 'unchanged';

/** The whole plan: a line per object with its changed fields below, then where the tasks would go, then how to do exactly this. */
export function planLines(stack: string, { changes, plan = noOutlook, revision = 0 }: DeployAnswer, command: (onto: number) => string, paint: Palette): string[] {
  const changed = (changes ?? []).map((change) => ({ ...change, effect: effectOf(change) }));
  const kept = plan.unchanged.map((subject) => ({ ...subject, action: 'unchanged', effect: 'unchanged' as const }));
  if (changed.length === 0) return [`${stack}  revision ${plan.currentRevision}: nothing would change`];
  const objects: (StackChange & { effect: Effect })[] = [...changed, ...kept];
  return [
    `${paint.bold(stack)}  revision ${plan.currentRevision} → ${revision}: ${countsOf(objects.map(({ effect }) => effect))}`,
    ...objects.flatMap((object) => objectLines(object, paint)),
    ...placementLines(plan),
    '',
    `To do exactly this: ${command(plan.currentRevision)}`,
  ];
}

function effectOf({ action, replacedTasks }: StackChange): Effect {
  if (action === 'create' || action === 'remove') return action;
  return replacedTasks === undefined ? 'update in place' : 'restart';
}

const order: Effect[] = ['create', 'update in place', 'restart', 'remove', 'unchanged'];

function countsOf(effects: Effect[]): string {
  const counts = order.map((effect) => [effects.filter((candidate) => candidate === effect).length, effect] as const);
  return counts.filter(([count]) => count > 0).map(([count, effect]) => `${count} ${effect}`).join(', ');
}

function objectLines(change: StackChange & { effect: Effect }, paint: Palette): string[] {
  const marks: Record<Effect, [string, Paint]> = {
    create: ['+', paint.green],
    'update in place': ['~', paint.yellow],
    restart: ['±', paint.yellow],
    remove: ['-', paint.red],
    unchanged: ['=', paint.dim],
  };
  const [mark, colour] = marks[change.effect];
  return [colour(`  ${mark} ${change.kind} ${change.name}: ${change.effect}${reasonOf(change)}`), ...fieldLines(change)];
}

/** Why tasks are replaced, or what there is to say when no field tells it. */
function reasonOf({ fields = [], replacedTasks, detail, action }: StackChange): string {
  if (replacedTasks !== undefined) {
    const because = fields.filter(({ restarts }) => restarts).map(({ field }) => field);
    return `, ${replacedTasks === 1 ? '1 task is' : `${replacedTasks} tasks are`} replaced because of ${because.join(', ')}`;
  }
  return (action === 'remove' || (action === 'update' && fields.length === 0)) && detail ? `, ${detail}` : '';
}

function placementLines({ placements, pending, complete }: PlanOutlook): string[] {
  const services = [...new Set(placements.map(({ service }) => service))];
  const placed = services.flatMap((service) => placementsOfService(service, placements.filter((placement) => placement.service === service)));
  const waiting = pending.map(({ task, node, reason }) => `  ${task}${node ? ` on ${node}` : ''}: ${reason}`);
  return [
    ...(placed.length > 0 ? ['', 'Tasks would go:', ...placed] : []),
    ...(waiting.length > 0 ? ['', 'Would stay pending:', ...waiting] : []),
    ...(complete ? [] : ['', 'That is only a part: there are too many tasks or steps to look all the way ahead.']),
  ];
}

function placementsOfService(service: string, placements: PlanOutlook['placements']): string[] {
  if (placements.length <= maxTasksListed) return placements.map(({ task, node }) => `  ${task} → ${node}`);
  const counts = new Map<string, number>();
  for (const { node } of placements) counts.set(node, (counts.get(node) ?? 0) + 1);
  return [`  ${service} → ${[...counts].map(([node, count]) => `${node} ×${count}`).join(', ')}`];
}
