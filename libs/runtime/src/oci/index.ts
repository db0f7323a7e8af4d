export * from './containers.js';
export type * from './spec.js';
