export * from './events.js';
export * from './fake-images.js';
export * from './images.js';
export * from './open-images.js';
export type { Platform } from './platform.js';
export { hostPlatform } from './platform.js';
export type { Reference } from './reference.js';
export { canonicalReference, familiarReference, parseReference } from './reference.js';
