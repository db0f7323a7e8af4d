import { nearest } from '../../../../libs/base/src/index.js';

/** " Did you mean web?", or nothing. Names of a stack also match without the stack's prefix. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const names = [...candidates];
  const found = nearest(word, names) ?? names.find((name) => name.endsWith(`_${word}`));
  return found === undefined ? '' : ` Did you mean ${found}?`;
}
