export { loadCompose } from './load.js';
export type { LoadInput, LoadResult } from './load.js';
export { renderConfig } from './render.js';
export { formatProblem } from './problems.js';
export type { Note, NoteKind, Position, Problem } from './problems.js';
export type { ComposeConfig, FileObject, Network, Service, Volume } from './compose-config.js';
export type { FileContent } from './env-file.js';
export { referencedFiles, toStackSpec } from './convert/stack.js';
export type { StackResult } from './convert/stack.js';
