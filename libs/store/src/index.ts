export * from './election-port.js';
export * from './memory/memory-store.js';
export * from './store.js';
