export { allocateNetworks } from './allocate-networks.js';
export { allocateServices } from './allocate-services.js';
export { allocateTasks } from './allocate-tasks.js';
