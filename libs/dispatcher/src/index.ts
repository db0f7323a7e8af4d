export { assignmentPlanner, assignmentSet, type AssignmentPlanner, type OpenSecret } from './assignments.js';
export { diffAssignments, type AssignmentDifference } from './diff.js';
export { drainCapMs, Draining, lingerMs, type Follower } from './draining.js';
export { nodeLiveness, type Beats, type LivenessDecision } from './liveness.js';
export { commonRevision, releases, type Agreement } from './releases.js';
export { applyStatuses, orphanTasks, type Inventory, type StatusReport } from './statuses.js';
