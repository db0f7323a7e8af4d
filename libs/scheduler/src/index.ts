export { evictionsOf, rebalance } from './auto-rebalance.js';
export { explainTask, type Explanation, type NodeVerdict } from './explain.js';
export { filters } from './filters.js';
export { nodeTable } from './node-table.js';
export { planPlacement, type PlacedGroup, type Placement } from './plan-placement.js';
export { schedule } from './schedule.js';
export { planRebalance, type Move } from './rebalance.js';
