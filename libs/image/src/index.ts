export * from './events.js';
export * from './fake-images.js';
export * from './images.js';
export * from './open-images.js';
export { canonicalReference, familiarReference, parseReference } from './reference.js';
