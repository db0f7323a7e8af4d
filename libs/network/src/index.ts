export * from './fake-network.js';
export { openNodeNetwork } from './linux-network.js';
export type { LinuxNetworkOptions, NetworkEvent } from './linux-network.js';
export * from './network.js';
