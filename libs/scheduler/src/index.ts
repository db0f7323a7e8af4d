export { nodeTable } from './node-table.js';
export { planPlacement, schedule, type PlacedGroup, type Placement } from './schedule.js';
