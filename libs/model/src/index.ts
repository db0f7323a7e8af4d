export * from './assignment.js';
export * from './change.js';
export * from './cluster-view.js';
export * from './decision.js';
export * from './objects.js';
export * from './service.js';
export * from './task-state.js';
