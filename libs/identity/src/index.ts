export * from './ca.js';
export * from './join-token.js';
export * from './node-files.js';
export * from './sealer.js';
