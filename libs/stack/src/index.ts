export * from './compare-revisions.js';
export type { FieldChange } from './field-changes.js';
export * from './file-versions.js';
export * from './inventory.js';
export * from './plan.js';
export * from './removal.js';
export * from './revisions.js';
export * from './stack-plan.js';
