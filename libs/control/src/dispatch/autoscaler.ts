import { isRefused, isTemporary, timestamp, type Clock, type Trace } from '../../../base/src/index.js';
import { autoscaleLabel, type Change, type ClusterView, type Kind, type Kinds, type Service, type ViewIndex } from '../../../model/src/index.js';
import { planScaling, type Scaling } from '../../../orchestrator/src/index.js';
import type { Store } from '../../../store/src/index.js';
import type { UsageBook } from './usage.js';

export interface AutoscalerEvent {
  event: 'service-scaled';
  service: string;
  from: number;
  to: number;
  why: string;
}

export interface AutoscalerOptions {
  store: Store;
  usage: UsageBook;
  clock: Clock;
  trace: Trace<AutoscalerEvent>;
  signal: AbortSignal;
}

const lookEveryMs = 1_000;

/** Looks after the services whose number of tasks follows their use. Each decision is written into the service, with its figures. */
export async function runAutoscaler({ store, usage, clock, trace, signal }: AutoscalerOptions): Promise<void> {
  for (;;) {
    await clock.sleep(lookEveryMs, signal);
    const nowMs = clock.monotonicMs();
    usage.forgetOld(nowMs);
    const view = store.view();
    for (const id of view.index(scaledServices).ids) {
      const service = view.get('service', id)!;
      const scaling = planScaling(view, service, (taskId) => usage.loadOf(taskId, nowMs), clock.wallMs());
      if (!scaling || !(await isCommitted(store, changesOf(scaling, clock.wallMs())))) continue;
      trace({ event: 'service-scaled', service: service.spec.name, from: scaling.from, to: scaling.to, why: scaling.why });
    }
  }
}

/** No change of what the user asked for: the update, what it can go back to, and the orders stay. */
function changesOf({ service, from, to, why }: Scaling, nowMs: number): Change[] {
  const now = timestamp(nowMs);
  const spec = { ...service.spec, mode: { kind: 'replicated' as const, replicas: to } };
  return [
    { action: 'update', kind: 'service', object: { ...service, spec, updatedAt: now }, expect: service.version },
    { action: 'status', kind: 'service', id: service.id, status: { ...service.status, scaling: { at: now, from, to, why } }, actor: 'orchestrator' },
  ];
}

/** Whoever was faster, or a store that is busy: it is looked at again in a moment. */
async function isCommitted(store: Store, changes: Change[]): Promise<boolean> {
  try {
    await store.commit(changes);
    return true;
  } catch (error) {
    if (isTemporary(error) || isRefused(error, 'conflict')) return false;
    throw error;
  }
}

class ScaledServices implements ViewIndex {
  readonly ids = new Set<string>();

  constructor(view: ClusterView) {
    for (const service of view.all('service')) this.#note(service.id, service);
  }

  changed<K extends Kind>(kind: K, before: Kinds[K] | undefined, after: Kinds[K] | undefined): void {
    if (kind === 'service') this.#note((after ?? before)!.id, after as Service | undefined);
  }

  #note(id: string, service: Service | undefined): void {
    if (service?.spec.labels[autoscaleLabel] !== undefined) this.ids.add(id);
    else this.ids.delete(id);
  }
}

function scaledServices(view: ClusterView): ScaledServices {
  return new ScaledServices(view);
}
