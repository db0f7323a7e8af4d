import { createHash } from 'node:crypto';
import type { AssignedTask } from '../../model/src/index.js';

export interface NodeFacts {
  nodeId: string;
  hostname: string;
  /** As the kernel calls it: `x86_64`. */
  architecture?: string;
  /** What a container on the host's network finds in its resolv.conf and hosts file; absent: nothing. */
  hostResolver?: { nameservers: readonly string[]; search: readonly string[]; options: readonly string[] };
  hostLines?: readonly string[];
}

/** A task's container id: derived, so that a restarted agent finds what it made. */
export function containerIdOf(taskId: string): string {
  return createHash('sha256').update(`shoal container of task ${taskId}`).digest('hex');
}

export function taskNameOf(task: Pick<AssignedTask, 'serviceName' | 'slot'>, nodeId: string): string {
  return `${task.serviceName}.${task.slot || nodeId}`;
}
