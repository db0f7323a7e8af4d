export * from './backoff.js';
export * from './clock.js';
export * from './errors.js';
export * from './lifetime.js';
export * from './random.js';
export * from './same.js';
export * from './sequencing.js';
export * from './trace.js';
