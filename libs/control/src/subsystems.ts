import { allocateNetworks, allocateServices, allocateTasks } from '../../allocator/src/index.js';
import { orphanTasks } from '../../dispatcher/src/index.js';
import { orchestrate, reap } from '../../orchestrator/src/index.js';
import { rebalance, schedule } from '../../scheduler/src/index.js';
import { pruneConverged } from '../../stack/src/index.js';
import type { Subsystem } from './loop.js';

/** Everything that a leader decides, in the order of a task's life. */
export const subsystems: readonly Subsystem[] = [
  { name: 'network-allocator', decide: allocateNetworks },
  { name: 'service-allocator', decide: allocateServices },
  { name: 'orchestrator', decide: orchestrate },
  { name: 'task-allocator', decide: allocateTasks },
  { name: 'scheduler', decide: schedule },
  { name: 'rebalancer', decide: rebalance },
  { name: 'orphans', decide: orphanTasks },
  { name: 'reaper', decide: reap },
  { name: 'stack-pruner', decide: pruneConverged },
];
