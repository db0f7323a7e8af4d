export * from './builders.js';
export * from './settle.js';
