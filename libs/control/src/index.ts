export * from './campaign.js';
export * from './commit.js';
export * from './events.js';
export * from './leadership.js';
export * from './loop.js';
export * from './preview.js';
export * from './subsystems.js';
