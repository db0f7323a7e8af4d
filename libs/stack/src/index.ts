export * from './file-versions.js';
export * from './inventory.js';
export * from './plan.js';
export * from './removal.js';
export * from './stack-plan.js';
