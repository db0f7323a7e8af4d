export { orchestrate } from './orchestrate.js';
export { reap } from './reap.js';
