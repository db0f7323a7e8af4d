export * from '../obedient-agents.js';
export * from './builders.js';
export * from './settle.js';
export * from './world.js';
