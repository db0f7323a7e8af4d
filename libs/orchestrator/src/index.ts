export { planScaling, type Scaling, type TaskLoad } from './autoscale.js';
export { crashLoop } from './crash-loop.js';
export { waitOf, type Wait } from './dependencies.js';
export { orchestrate } from './orchestrate.js';
export { reap } from './reap.js';
