export * from './assignments.js';
export * from './description.js';
export * from './services.js';
export * from './session.js';
export * from './task-status.js';
export { shoal } from './generated/messages.js';
