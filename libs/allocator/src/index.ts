export { addressUse } from './address-book.js';
export type { SubnetUse } from './address-page.js';
export { allocateNetworks } from './allocate-networks.js';
export { allocateServices } from './allocate-services.js';
export { allocateTasks } from './allocate-tasks.js';
