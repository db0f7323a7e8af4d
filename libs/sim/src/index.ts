export { commandFor, storyFor } from './command.js';
export { checks, Life, type Failure } from './life.js';
export type { ContainerEvent } from './machine.js';
export { simulate, type Outcome } from './simulate.js';
export { shrink } from './shrink.js';
export { specOf, type Recipe } from './recipe.js';
export { inventStory, type Chapter, type Happening, type Story } from './story.js';
export { storyInWords } from './tell.js';
export type { Mutation } from './world.js';
