/** Tar archives, read and written. Not part of `base/src/index.ts`: most programs need none. */
export * from './byte-reader.js';
export * from './tar-header.js';
export * from './tar-reader.js';
export * from './tar-writer.js';
