import { Bell, describeError, isRefused, isTemporary, Refused, sameJson, Temporary, type Clock, type Trace } from '../../../base/src/index.js';
import { assignmentPlanner, commonRevision, Draining, nodeLiveness, releases, type AssignmentPlanner, type OpenSecret } from '../../../dispatcher/src/index.js';
import { poolClashes, type Change, type ClusterView, type EncryptionKey, type FromAgent, type FromManager, type Hello, type NetworkNotice, type NodeDescription, type NodeStatus } from '../../../model/src/index.js';
import type { Store } from '../../../store/src/index.js';
import type { AgentEvents, AgentStream } from './agent-stream.js';
import { runAutoscaler, type AutoscalerEvent } from './autoscaler.js';
import { NodeSession } from './node-session.js';
import { StatusIntake } from './status-intake.js';
import { UsageBook } from './usage.js';

export interface NodeSessionsOptions {
  store: Store;
  epoch: number;
  /** One for all time: what was opened stays open. */
  openSecret: OpenSecret;
  clock: Clock;
  trace: Trace<SessionsEvent>;
}

export type SessionsEvent =
  | { event: 'agent-connected' | 'agent-disconnected'; nodeId: string; sessions: number }
  | { event: 'agent-refused'; nodeId: string; error: string }
  | { event: 'statuses-not-stored'; error: string }
  | { event: 'node-state-changed'; sentence: string }
  | AutoscalerEvent;

const livenessTickMs = 1_000;
const commitRetryMs = 200;
const minRestMs = 5;
const maxRestMs = 200;
/** While nodes agree with ever newer states, and addresses are given up all the time, so often is told how far they are. */
const agreementRestMs = 500;
/** A node that is silent may be given up meanwhile. */
const agreementLookMs = 5_000;

/**
 * All agents that are connected to this leader, for as long as it leads.
 *
 * 1. Assignments follow the store: after any change each session gets its difference, none if it has none.
 * 2. Beats live in memory; only a change of a node's state is written.
 * 3. A node has one session: a newer one replaces the older.
 * 4. Beats tell what tasks use whose services follow their use: the number of tasks is decided here (see `runAutoscaler`).
 * 5. A task that serves is told to stop once no node sends it new connections (see `Draining`).
 */
export class NodeSessions {
  readonly #sessions = new Map<string, NodeSession>();
  readonly #lastBeatMs = new Map<string, number>();
  readonly #storeChanged = new Bell();
  readonly #intake: StatusIntake;
  readonly #usage = new UsageBook();
  #isOver = false;
  #isAgreeing = false;
  #agreedAtMs = -Infinity;

  constructor(private readonly options: NodeSessionsOptions) {
    this.#intake = new StatusIntake(options.store, options.clock, options.trace);
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Runs until the signal is aborted, then ends every session: agents look for the next leader. */
  async run(signal: AbortSignal): Promise<void> {
    const unwatch = this.options.store.watch(() => this.#storeChanged.ring());
    try {
      const { store, clock, trace } = this.options;
      await Promise.all([this.#intake.run(signal), this.#pushAssignments(signal), this.#watchLiveness(signal), runAutoscaler({ store, usage: this.#usage, clock, trace, signal })]);
    } finally {
      unwatch();
      this.#isOver = true;
      for (const session of this.#sessions.values()) session.end();
      this.#sessions.clear();
    }
  }

  send(nodeId: string, word: FromManager): boolean {
    const session = this.#sessions.get(nodeId);
    session?.send(word);
    return session !== undefined;
  }

  /** How long ago a node was last heard of; undefined: not since this manager leads. */
  silenceMs(nodeId: string): number | undefined {
    const lastMs = this.#lastBeatMs.get(nodeId);
    return lastMs === undefined ? undefined : this.options.clock.monotonicMs() - lastMs;
  }

  /** Serves the connection of one agent, whose identity the edge has checked, to its end. */
  serve(stream: AgentStream, nodeId: string): AgentEvents {
    let session: NodeSession | undefined;
    let isClosed = false;
    return {
      received: (word) => {
        this.#lastBeatMs.set(nodeId, this.options.clock.monotonicMs());
        if (word.kind !== 'hello') return this.#take(nodeId, session, word);
        this.#welcome(stream, nodeId, word.hello, () => isClosed).then(
          (welcomed) => (session = welcomed),
          (error: unknown) => {
            this.options.trace({ event: 'agent-refused', nodeId, error: describeError(error) });
            stream.fail(error);
          },
        );
      },
      drained: () => {
        session?.drained();
        this.#storeChanged.ring();
      },
      closed: () => {
        isClosed = true;
        session?.closed();
        if (!session || this.#sessions.get(nodeId) !== session) return;
        this.#sessions.delete(nodeId);
        this.options.trace({ event: 'agent-disconnected', nodeId, sessions: this.size });
      },
    };
  }

  async #welcome(stream: AgentStream, nodeId: string, hello: Hello, isClosed: () => boolean): Promise<NodeSession | undefined> {
    const { store, epoch } = this.options;
    const node = store.view().get('node', nodeId);
    if (!node) throw new Refused('not-found', `node ${nodeId} was removed from the cluster: delete its state folder and let it join again`);
    const status: NodeStatus = {
      ...node.status,
      state: 'ready',
      message: routeWarning(store.view(), hello.description),
      address: hello.advertiseAddress || node.status.address,
      dataPathAddress: hello.dataPathAddress || node.status.dataPathAddress,
      description: hello.description,
      encryptionKeys: hello.encryptionKeys,
    };
    // After a restart of the manager all nodes say what they said before.
    if (!sameJson(node.status, status)) await this.#commit([{ action: 'status', kind: 'node', id: node.id, status }]);
    // Meanwhile the office may have been lost, or the agent: nobody would ever end this session.
    if (this.#isOver) throw new Temporary('this manager no longer leads: ask another');
    if (isClosed()) return undefined;
    const session = new NodeSession(nodeId, hello.instanceId, stream);
    this.#sessions.get(nodeId)?.end();
    this.#sessions.set(nodeId, session);
    const cluster = store.view().cluster!;
    session.send({
      epoch,
      kind: 'welcome',
      welcome: {
        nodeId: node.id,
        nodeIndex: node.index,
        heartbeatPeriodMs: cluster.heartbeatPeriodMs,
        address: status.address,
        dataPathAddress: status.dataPathAddress,
        dataPathPort: cluster.dataPathPort,
      },
    });
    this.options.trace({ event: 'agent-connected', nodeId: node.id, sessions: this.size });
    this.#storeChanged.ring();
    return session;
  }

  #take(nodeId: string, session: NodeSession | undefined, word: FromAgent): void {
    if (word.kind === 'statuses') {
      this.#intake.add({ nodeId, reports: word.reports, full: word.full });
    } else if (word.kind === 'beat') {
      if (word.usage?.length) this.#usage.note(word.usage, this.options.clock.monotonicMs());
    } else if (word.kind === 'applied') {
      session?.applied(word.version);
      this.#storeChanged.ring();
    } else if (word.kind === 'encryption-keys') {
      this.#noteKeys(nodeId, word.keys).catch((error: unknown) => this.options.trace({ event: 'statuses-not-stored', error: describeError(error) }));
    } else if (word.kind === 'network-notice') {
      this.#noteNetwork(nodeId, word.notice).catch((error: unknown) => this.options.trace({ event: 'statuses-not-stored', error: describeError(error) }));
    }
  }

  /** When they cannot be stored, the agent's next hello tells them again; until then others use its older keys. */
  async #noteKeys(nodeId: string, encryptionKeys: EncryptionKey[]): Promise<void> {
    const node = this.options.store.view().get('node', nodeId);
    if (node) await this.#commit([{ action: 'status', kind: 'node', id: nodeId, status: { ...node.status, encryptionKeys } }]);
  }

  /** When it cannot be stored, the agent's next session tells it again. */
  async #noteNetwork(nodeId: string, network: NetworkNotice): Promise<void> {
    const node = this.options.store.view().get('node', nodeId);
    if (node && JSON.stringify(node.status.network ?? nothingNoticed) !== JSON.stringify(network)) await this.#commit([{ action: 'status', kind: 'node', id: nodeId, status: { ...node.status, network } }]);
  }

  async #pushAssignments(signal: AbortSignal): Promise<void> {
    const { store, epoch, openSecret, clock } = this.options;
    let planner: AssignmentPlanner | undefined;
    const draining = new Draining();
    let cancel: (() => void) | undefined;
    for (;;) {
      await this.#storeChanged.wait(signal);
      cancel?.();
      const startedMs = clock.monotonicMs();
      const view = store.view();
      planner = assignmentPlanner(view, openSecret, planner);
      for (const session of this.#sessions.values()) session.push({ epoch, revision: view.revision, nowMs: startedMs }, planner.forNode(session.nodeId), (before, item) => draining.holdBack(view, before, item, startedMs));
      draining.sent(this.#sessions.values());
      const { released, lookAgainInMs } = draining.settle(view, startedMs);
      if (released) this.#storeChanged.ring();
      const agreeInMs = this.#noteAgreement(view, startedMs);
      const inMs = Math.min(lookAgainInMs ?? Infinity, agreeInMs ?? Infinity);
      cancel = inMs === Infinity ? undefined : clock.after(inMs, () => this.#storeChanged.ring());
      // The first change after a quiet time goes out at once; what follows on its heels goes together.
      await clock.sleep(Math.min(maxRestMs, minRestMs + 3 * (clock.monotonicMs() - startedMs)), signal);
    }
  }

  /**
   * Writes down what all nodes agree with, when somebody may wait for it: an address was given up. Returns in how many ms to look again
   * though nothing happens.
   */
  #noteAgreement(view: ClusterView, nowMs: number): number | undefined {
    const told = view.cluster?.status?.agreedRevision;
    const { lastAfter } = view.index(releases);
    if (!view.cluster || this.#isAgreeing || (told !== undefined && told > lastAfter)) return undefined;
    const agreed = commonRevision(view, this.#sessions.values(), nowMs);
    if (agreed === undefined || agreed <= (told ?? 0)) return agreementLookMs;
    const isEnough = agreed > lastAfter || nowMs - this.#agreedAtMs >= agreementRestMs;
    if (!isEnough) return agreementRestMs;
    this.#isAgreeing = true;
    this.#agreedAtMs = nowMs;
    this.#commit([{ action: 'status', kind: 'cluster', id: 'cluster', status: { agreedRevision: agreed } }])
      .catch((error: unknown) => this.options.trace({ event: 'statuses-not-stored', error: describeError(error) }))
      .finally(() => {
        this.#isAgreeing = false;
        this.#storeChanged.ring();
      });
    return undefined;
  }

  async #watchLiveness(signal: AbortSignal): Promise<void> {
    const { clock, store, trace } = this.options;
    // Silence before now was the last leader's to hear.
    let listeningSinceMs = clock.monotonicMs();
    for (;;) {
      const asleepSinceMs = clock.monotonicMs();
      await clock.sleep(livenessTickMs, signal);
      // Whoever was stopped or starved itself has heard nobody.
      if (clock.monotonicMs() - asleepSinceMs > 2 * livenessTickMs) listeningSinceMs = clock.monotonicMs();
      const periodMs = store.view().cluster?.heartbeatPeriodMs;
      if (periodMs === undefined) continue;
      const { changes, sentences } = nodeLiveness(store.view(), { lastBeatMs: this.#lastBeatMs, listeningSinceMs, nowMs: clock.monotonicMs(), periodMs });
      if (changes.length === 0) continue;
      await this.#commit(changes);
      for (const sentence of sentences) trace({ event: 'node-state-changed', sentence });
    }
  }

  /** Node states are small and rare: written at once, again when the store is busy. */
  async #commit(changes: Change[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.options.store.commit(changes);
        return;
      } catch (error) {
        if (attempt >= 10 || (!isTemporary(error) && !isRefused(error, 'conflict'))) throw error;
        await this.options.clock.sleep(commitRetryMs);
      }
    }
  }
}

const nothingNoticed: NetworkNotice = { takenPorts: [], drift: 0, lastDrift: [] };

/** Networks that hide hosts which this one can reach otherwise; empty: none does. */
function routeWarning(view: ClusterView, { routes = [] }: NodeDescription): string {
  const subnets = [...view.all('network')].flatMap(({ allocation }) => allocation?.subnets.map(({ subnet }) => subnet) ?? []);
  const [clash] = poolClashes([...(view.cluster?.addressPools ?? []), ...subnets], routes);
  return clash ? `its route to ${clash.route.block} (${clash.route.link}) leads into ${clash.pool}, which networks of the cluster get their addresses from: containers cannot reach what is there` : '';
}
