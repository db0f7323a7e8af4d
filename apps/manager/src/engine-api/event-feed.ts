import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Clock } from '../../../../libs/base/src/index.js';
import { defaults, nodeName, type Kind, type Kinds, type NetworkNotice, type Node, type Service, type StoreEvent } from '../../../../libs/model/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { CLOCK, STORE } from '../http/tokens.js';

/** One event as `docker events` shows it. */
export interface EngineEvent {
  Type: 'service' | 'node' | 'network' | 'secret' | 'config';
  Action: 'create' | 'update' | 'remove';
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: 'swarm';
  time: number;
  timeNano: number;
}

const reportedKinds = ['service', 'node', 'network', 'secret', 'config'] as const;
type ReportedKind = (typeof reportedKinds)[number];

/** Events of the past that `since` can show. */
const keptEvents = 256;

/** Turns what the store tells into Docker's events. It keeps the last state of each object: a removed one has no name any more. */
@Injectable()
export class EventFeed implements OnModuleInit, OnModuleDestroy {
  readonly #last = new Map<string, Kinds[ReportedKind]>();
  readonly #recent: EngineEvent[] = [];
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  #stop: (() => void) | undefined;

  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    const view = this.store.view();
    for (const kind of reportedKinds) for (const object of view.all(kind)) this.#last.set(`${kind}/${object.id}`, object);
    this.#stop = this.store.watch((events) => {
      // One event per object and commit, also when both of its halves changed.
      const told = new Set<string>();
      for (const event of events) {
        const key = `${event.kind}/${event.id}`;
        if (!isReported(event.kind) || told.has(key)) continue;
        told.add(key);
        this.#report(event, event.kind);
      }
    });
  }

  onModuleDestroy(): void {
    this.#stop?.();
  }

  recent(): readonly EngineEvent[] {
    return this.#recent;
  }

  listen(listener: (event: EngineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #report({ id, action }: StoreEvent, kind: ReportedKind): void {
    const key = `${kind}/${id}`;
    const before = this.#last.get(key);
    const after = this.store.view().get(kind, id);
    if (after) this.#last.set(key, after);
    else this.#last.delete(key);
    const object = after ?? before;
    if (!object) return;
    const attributes = attributesOf(kind, object, before);
    const wallMs = this.clock.wallMs();
    const event: EngineEvent = {
      Type: kind,
      Action: action === 'status' ? 'update' : action,
      Actor: { ID: id, Attributes: attributes },
      scope: 'swarm',
      time: Math.floor(wallMs / 1000),
      timeNano: Math.round(wallMs * 1e6),
    };
    this.#recent.push(event);
    if (this.#recent.length > keptEvents) this.#recent.shift();
    for (const listener of this.#listeners) listener(event);
  }
}

function isReported(kind: Kind): kind is ReportedKind {
  return (reportedKinds as readonly Kind[]).includes(kind);
}

function attributesOf(kind: ReportedKind, object: Kinds[ReportedKind], before: Kinds[ReportedKind] | undefined): Record<string, string> {
  if (kind === 'service') return { name: (object as Service).spec.name, ...differences(serviceFacts(before as Service), serviceFacts(object as Service)) };
  if (kind === 'node') return { name: nodeName(object as Node), ...differences(nodeFacts(before as Node), nodeFacts(object as Node)) };
  return { name: (object as Service).spec.name };
}

function serviceFacts(service: Service | undefined): Record<string, string> | undefined {
  if (!service) return undefined;
  const { mode, template } = service.spec;
  return {
    ...(mode.kind === 'replicated' ? { replicas: String(mode.replicas ?? defaults.replicas) } : {}),
    image: template.container.image,
    updatestate: service.status.update?.state ?? '',
    autoscale: service.status.scaling ? `${service.status.scaling.from} → ${service.status.scaling.to}: ${service.status.scaling.why}` : '',
  };
}

function nodeFacts(node: Node | undefined): Record<string, string> | undefined {
  if (!node) return undefined;
  return { state: node.status.state, availability: node.spec.availability, role: node.spec.role, leader: String(node.status.manager?.leader ?? ''), ...networkFacts(node.status.network) };
}

function networkFacts({ takenPorts, drift, lastDrift }: NetworkNotice = { takenPorts: [], drift: 0, lastDrift: [] }): Record<string, string> {
  return { portstaken: takenPorts.join(', '), networkdrift: String(drift), repaired: lastDrift.join(', ') };
}

/** `replicas.old`, `replicas.new` for every fact that changed. */
function differences(before: Record<string, string> | undefined, after: Record<string, string> | undefined): Record<string, string> {
  const changed: Record<string, string> = {};
  if (!before || !after) return changed;
  for (const [key, value] of Object.entries(after)) {
    const old = before[key] ?? '';
    if (old === value) continue;
    if (old !== '') changed[`${key}.old`] = old;
    if (value !== '') changed[`${key}.new`] = value;
  }
  return changed;
}
