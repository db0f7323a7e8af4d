export { applyDraft, applyTo } from './apply-changes.js';
export * from './election-port.js';
export { compactBehind, openEtcdStore, type EtcdStore, type EtcdStoreOptions } from './etcd/etcd-store.js';
export type { EtcdTls } from './etcd/connections.js';
export type { EtcdEvent } from './etcd/events.js';
export * from './memory/memory-store.js';
export * from './store.js';
export { startEtcd, type EtcdServer, type EtcdServerOptions } from './etcd/server.js';
