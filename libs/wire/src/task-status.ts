import type { TaskReport, TaskState, TaskStatus } from '../../model/src/index.js';
import { shoal } from './generated/messages.js';

const wire = shoal.v1.TaskState;

/** Does not compile when a task state has no message value. */
const stateToWire: Record<TaskState, shoal.v1.TaskState> = {
  new: wire.TASK_STATE_NEW,
  pending: wire.TASK_STATE_PENDING,
  assigned: wire.TASK_STATE_ASSIGNED,
  accepted: wire.TASK_STATE_ACCEPTED,
  preparing: wire.TASK_STATE_PREPARING,
  ready: wire.TASK_STATE_READY,
  starting: wire.TASK_STATE_STARTING,
  running: wire.TASK_STATE_RUNNING,
  complete: wire.TASK_STATE_COMPLETE,
  shutdown: wire.TASK_STATE_SHUTDOWN,
  failed: wire.TASK_STATE_FAILED,
  rejected: wire.TASK_STATE_REJECTED,
  remove: wire.TASK_STATE_REMOVE,
  orphaned: wire.TASK_STATE_ORPHANED,
};

const stateFromWire = new Map(Object.entries(stateToWire).map(([state, value]) => [value, state as TaskState]));

export function encodeTaskReport({ taskId, status }: TaskReport): shoal.v1.TaskStatus.$Properties {
  const { container } = status;
  return {
    taskId,
    state: stateToWire[status.state],
    timestamp: status.timestamp,
    message: status.message,
    error: status.error,
    containerId: container?.id ?? '',
    pid: container?.pid ?? 0,
    exitCode: container?.exitCode ?? 0,
    hasExitCode: container?.exitCode !== undefined,
    oomKilled: container?.oomKilled ?? false,
    unready: status.unready ?? false,
  };
}

/** `undefined` for a state that this version does not know: a newer peer's, to be ignored. */
export function decodeTaskReport(message: shoal.v1.TaskStatus.$Properties): TaskReport | undefined {
  const state = stateFromWire.get(message.state ?? wire.TASK_STATE_NEW);
  if (!state || !message.taskId) return undefined;
  const status: TaskStatus = {
    state,
    timestamp: message.timestamp ?? '',
    message: message.message ?? '',
    error: message.error ?? '',
    ...(message.unready && { unready: true }),
  };
  if (message.containerId) {
    status.container = {
      id: message.containerId,
      pid: message.pid ?? 0,
      ...(message.hasExitCode && { exitCode: message.exitCode ?? 0 }),
      ...(message.oomKilled && { oomKilled: true }),
    };
  }
  return { taskId: message.taskId, status };
}
