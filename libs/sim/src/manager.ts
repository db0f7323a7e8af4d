import { describeError, timestamp, type Clock } from '../../base/src/index.js';
import { NodeSessions, runLeadership, runLoop, subsystems, type ControlEvent, type Duty, type SessionsEvent, type Subsystem } from '../../control/src/index.js';
import type { Change, ClusterView, Network } from '../../model/src/index.js';
import { aCluster } from '../../model/src/testing/index.js';
import type { Authority } from './authority.js';
import type { Accept } from './connection.js';
import type { Dice } from './dice.js';
import { ManagerStore, type StoreMood } from './manager-store.js';
import { Process } from './process.js';

export const clusterId = 'simulated';

export interface ManagerOptions {
  name: string;
  world: Clock;
  dice: Dice;
  authority: Authority;
  wallOffsetMs: number;
  /** Stands between each subsystem and the loop. */
  subsystem: (subsystem: Subsystem) => Subsystem;
  onEvent: (manager: string, event: ControlEvent | SessionsEvent) => void;
  /** It ended, which it never should by itself. */
  onEnd: (manager: Manager, error: string) => void;
}

/** One manager: campaign, decisions and sessions with agents, over its own store. */
export class Manager {
  process: Process | undefined;
  store: ManagerStore | undefined;
  readonly name: string;
  #sessions: NodeSessions | undefined;
  #starts = 0;
  #mood: StoreMood = 'fine';

  constructor(private readonly options: ManagerOptions) {
    this.name = options.name;
  }

  get leads(): boolean {
    return this.#sessions !== undefined && (this.process?.isRunning ?? false);
  }

  /** How the store answers it from now on. */
  set mood(mood: StoreMood) {
    this.#mood = mood;
    if (this.store) this.store.mood = mood;
  }

  start(): void {
    if (this.process) return;
    const { name, world, authority, wallOffsetMs, onEvent, onEnd } = this.options;
    const dice = this.options.dice.for(`start ${this.#starts++}`);
    const process = (this.process = new Process(name, world, wallOffsetMs));
    const store = (this.store = new ManagerStore({ authority, process, world, dice, manager: name }));
    store.mood = this.#mood;
    const trace = (event: ControlEvent | SessionsEvent) => onEvent(name, event);
    const { clock } = process;
    const dispatch: Duty = async ({ store: fenced, epoch, signal }) => {
      const sessions = (this.#sessions = new NodeSessions({ store: fenced, epoch, openSecret: () => '', clock, trace }));
      try {
        await sessions.run(signal);
      } finally {
        if (this.#sessions === sessions) this.#sessions = undefined;
      }
    };
    const control: Duty = async ({ store: fenced, signal }) => {
      const changes = firstRecords(fenced.view(), world);
      if (changes.length > 0) await fenced.commit(changes, signal);
      await runLoop({ store: fenced, subsystems: subsystems.map(this.options.subsystem), clock, random: dice.random, trace, signal });
    };
    runLeadership({ store, managerId: name, duties: [dispatch, control], clock, random: dice.random, trace, signal: new AbortController().signal }).then(
      () => process.isAlive && onEnd(this, 'its campaign ended'),
      (error: unknown) => process.isAlive && onEnd(this, describeError(error)),
    );
  }

  kill(): void {
    this.process?.kill();
    this.process = undefined;
    this.store = undefined;
    this.#sessions = undefined;
  }

  accept(nodeId: string): Accept {
    return (stream) => this.#sessions?.serve(stream, nodeId);
  }
}

/** What a new cluster begins with, but for its nodes. */
function firstRecords(view: ClusterView, world: Clock): Change[] {
  if (view.cluster) return [];
  const now = timestamp(world.wallMs());
  const stamps = { createdAt: now, updatedAt: now };
  const network = (id: string, spec: Partial<Network['spec']>): Change => ({
    action: 'create',
    kind: 'network',
    object: { ...stamps, id, spec: { name: id, labels: {}, driver: 'overlay', driverOpts: {}, internal: false, attachable: false, ingress: false, ipv6: false, ...spec } },
  });
  return [
    { action: 'create', kind: 'cluster', object: { ...aCluster({ clusterId }), ...stamps } },
    network('ingress', { ingress: true, ipam: { configs: [{ subnet: '10.255.0.0/16' }] } }),
    // So small that its addresses run out.
    network('narrow', { ipam: { configs: [{ subnet: '10.9.0.0/27' }] } }),
    network('wide', {}),
  ];
}
