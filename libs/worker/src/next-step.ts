import { compareStates, isTerminal, type AssignedTask, type TaskStatus } from '../../model/src/index.js';

/** What the node knows about one of its tasks. */
export interface Observed {
  /** The newest status that was reported. */
  status: TaskStatus;
  container: 'none' | 'created' | 'running' | 'exited';
  /** `none`: nothing to check. */
  /** `ailing`: it was healthy, and its last check failed, for the first time or not often enough yet. */
  health: 'none' | 'starting' | 'healthy' | 'ailing' | 'unhealthy';
  /** A stop has been carried out: its exit is no failure. */
  stopped: boolean;
  /** A container whose namespaces it shares has ended. */
  partnerLost?: boolean;
  /** Its container may have other limits than its task now says: from then on it is to be given those. Absent: it has them. */
  limitsDueMs?: number;
}

/** Why a task is stopped that counts as failed. */
export type StopCause = 'unhealthy' | 'partner-lost';

export type Step =
  /** Tell the manager that the node has it. */
  | { kind: 'accept' }
  /** Pull the image, attach the network, build the container. */
  | { kind: 'prepare' }
  | { kind: 'start' }
  /** Give the container the limits that its task now says. */
  | { kind: 'set-limits' }
  /** Report that it serves. */
  | { kind: 'declare-running' }
  /** Report whether it is ready for new connections. */
  | { kind: 'tell-readiness' }
  /** Stop signal, grace, kill. `because` is why, when the task is to count as failed. */
  | { kind: 'stop'; because?: StopCause }
  /** Turn the exit, or the lack of a container, into the terminal status. */
  | { kind: 'finish' }
  /** Take the container and its network away; keep its log. */
  | { kind: 'clean-up' }
  /** Nothing until something changes, or until `atMs`. */
  | { kind: 'wait'; atMs?: number };

/** The next thing to do for a task. One step per call: whoever carries it out looks again afterwards. */
export function nextStep(task: Pick<AssignedTask, 'desiredState' | 'startAfterMs'>, observed: Observed, nowMs: number): Step {
  const { status, container, health } = observed;
  const failing = observed.partnerLost ? 'partner-lost' : health === 'unhealthy' ? 'unhealthy' : undefined;

  if (isTerminal(status.state)) return container === 'none' ? { kind: 'wait' } : { kind: 'clean-up' };

  if (container === 'exited') return { kind: 'finish' };

  if (isToStop(task)) return container === 'running' ? { kind: 'stop' } : { kind: 'finish' };

  switch (status.state) {
    case 'new':
    case 'pending':
    case 'assigned':
      return { kind: 'accept' };
    case 'accepted':
    case 'preparing':
      // What failed to be prepared before is not to be tried again any sooner than what failed to run.
      if (task.startAfterMs > nowMs) return { kind: 'wait', atMs: task.startAfterMs };
      return { kind: 'prepare' };
    case 'ready':
      if (container !== 'created') return { kind: 'finish' };
      if (isDue(observed, nowMs)) return { kind: 'set-limits' };
      if (compareStates(task.desiredState, 'running') < 0) return waitFor(observed);
      if (task.startAfterMs > nowMs) return { kind: 'wait', atMs: task.startAfterMs };
      return { kind: 'start' };
    case 'starting':
      if (container !== 'running') return { kind: 'finish' };
      if (failing) return { kind: 'stop', because: failing };
      if (health !== 'starting') return { kind: 'declare-running' };
      return isDue(observed, nowMs) ? { kind: 'set-limits' } : waitFor(observed);
    default:
      if (container !== 'running') return { kind: 'finish' };
      if (failing) return { kind: 'stop', because: failing };
      if ((health === 'ailing') !== (status.unready ?? false)) return { kind: 'tell-readiness' };
      return isDue(observed, nowMs) ? { kind: 'set-limits' } : waitFor(observed);
  }
}

function isDue({ limitsDueMs }: Observed, nowMs: number): boolean {
  return limitsDueMs !== undefined && limitsDueMs <= nowMs;
}

function waitFor({ limitsDueMs }: Observed): Step {
  return limitsDueMs === undefined ? { kind: 'wait' } : { kind: 'wait', atMs: limitsDueMs };
}

/** The manager wants its end. (A job's desired state is `complete`: it is to run to its end by itself.) */
export function isToStop(task: Pick<AssignedTask, 'desiredState'>): boolean {
  return compareStates(task.desiredState, 'shutdown') >= 0;
}
