/** The states of a task, in order. A task only moves forward. Values and order are swarmkit's. */
export const taskStates = [
  'new', // created by an orchestrator
  'pending', // has its addresses and ports, waits for a node
  'assigned', // has a node
  'accepted', // the node knows it
  'preparing', // image, volumes, network, root file system
  'ready', // prepared; starts when its desired state says so
  'starting', // started, not yet healthy
  'running', // serves
  'complete', // ended with exit 0
  'shutdown', // ended because it was asked to
  'failed', // ended by itself, or could not start
  'rejected', // could not be prepared
  'remove', // (desired only) its service or slot is gone
  'orphaned', // its node is gone for good
] as const;

export type TaskState = (typeof taskStates)[number];

const order = new Map(taskStates.map((state, index) => [state, index]));

/** Negative, zero, positive: `a` is before, equal to, after `b`. */
export function compareStates(a: TaskState, b: TaskState): number {
  return order.get(a)! - order.get(b)!;
}

/** The container will never run again. */
export function isTerminal(state: TaskState): boolean {
  return compareStates(state, 'running') > 0;
}

/** The states that someone other than the node may set, by actor; `*` stands for every earlier state. */
export type Actor = 'orchestrator' | 'allocator' | 'scheduler' | 'agent' | 'dispatcher' | 'reaper';

export interface Transition {
  from: TaskState | '*';
  to: TaskState;
  when: string;
}

/** Who may move a task's observed state, and how. Asserted at every commit, checked in simulation, printed in docs/task-model.md. */
export const transitions: Record<Actor, Transition[]> = {
  orchestrator: [{ from: '*', to: 'new', when: 'a slot needs a task (creation)' }],
  allocator: [{ from: 'new', to: 'pending', when: 'its networks have given it addresses' }],
  scheduler: [{ from: 'pending', to: 'assigned', when: 'a node passes every filter' }],
  agent: [
    { from: 'assigned', to: 'accepted', when: 'the node has stored the assignment' },
    { from: 'accepted', to: 'preparing', when: 'it begins to pull and to build the container' },
    { from: 'preparing', to: 'ready', when: 'the container is built' },
    { from: 'ready', to: 'starting', when: 'the desired state is running and the start time has come' },
    { from: 'starting', to: 'running', when: 'the process runs and is healthy' },
    { from: 'running', to: 'complete', when: 'it exited 0' },
    { from: 'starting', to: 'complete', when: 'it exited 0' },
    { from: 'running', to: 'failed', when: 'it exited with another status, was killed, or was unhealthy' },
    { from: 'starting', to: 'failed', when: 'it could not start or exited early' },
    { from: 'assigned', to: 'rejected', when: 'the node cannot run it' },
    { from: 'accepted', to: 'rejected', when: 'the node cannot run it' },
    { from: 'preparing', to: 'rejected', when: 'image, volume or network failed' },
    { from: 'ready', to: 'failed', when: 'what was prepared is gone' },
    { from: '*', to: 'shutdown', when: 'the desired state asked for it' },
  ],
  dispatcher: [{ from: '*', to: 'orphaned', when: 'its node is gone for good' }],
  reaper: [],
};

/**
 * May `actor` move a task from `from` to `to`? An agent may skip states: it reports the newest one only.
 * Before a task has a node, its manager may end it (`shutdown`) too: no agent knows it.
 */
export function mayMove(actor: Actor, from: TaskState, to: TaskState): boolean {
  if (from === to) return true;
  if (compareStates(from, to) > 0 || isTerminal(from)) return false;
  if (actor === 'agent') return compareStates(from, 'assigned') >= 0 && to !== 'orphaned' && to !== 'remove';
  if (actor === 'orchestrator' && to === 'shutdown') return compareStates(from, 'assigned') < 0;
  return transitions[actor].some((rule) => rule.to === to && (rule.from === '*' || rule.from === from));
}

/** Is there a state that `actor` may move a task from to `to`? */
export function mayEverWrite(actor: Actor, to: TaskState): boolean {
  return taskStates.some((from) => from !== to && mayMove(actor, from, to));
}
