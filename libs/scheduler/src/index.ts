export { explainRefusal, filters, type Demand, type Filter } from './filters.js';
export { nodeInfos, NodeInfo } from './node-info.js';
export { planPlacement, schedule, type Placement } from './schedule.js';
