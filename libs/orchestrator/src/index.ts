export { crashLoop } from './crash-loop.js';
export { orchestrate } from './orchestrate.js';
export { reap } from './reap.js';
