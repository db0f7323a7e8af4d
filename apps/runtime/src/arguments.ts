/** What the command line may hold before and after a command's name: `text` flags take a value, `switch` flags none. */
export type FlagTable = Record<string, 'text' | 'list' | 'switch'>;

export interface ParsedArguments {
  text(name: string): string | undefined;
  list(name: string): string[];
  has(name: string): boolean;
  /** What is no flag, in order; flags are looked for until the first of them, or `flagsUntil`. */
  words: string[];
}

export class BadUsage extends Error {
  override readonly name = 'BadUsage';
}

/**
 * Flags as Go's `flag` package takes them, since that is how every caller of a runtime writes them: `-f x`, `--f x`, `--f=x`.
 * Flags end at `--`, or with `wordsEndFlags` at the first word.
 */
export function parseArguments(given: readonly string[], table: FlagTable, shorts: Record<string, string> = {}, wordsEndFlags = true): ParsedArguments {
  const values = new Map<string, string[]>();
  const words: string[] = [];
  let at = 0;
  for (; at < given.length; at++) {
    const word = given[at]!;
    if (word === '--') {
      at++;
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      if (wordsEndFlags) break;
      words.push(word);
      continue;
    }
    const [, flag = '', , inline] = /^--?([^=]+)(=([\s\S]*))?$/.exec(word) ?? [];
    const name = shorts[flag] ?? flag;
    const kind = table[name];
    if (!kind) throw new BadUsage(`flag provided but not defined: -${flag}`);
    const value = inline ?? (kind === 'switch' ? 'true' : given[++at]);
    if (value === undefined) throw new BadUsage(`flag needs an argument: -${flag}`);
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return {
    text: (name) => values.get(name)?.at(-1),
    list: (name) => values.get(name) ?? [],
    has: (name) => values.has(name) && values.get(name)!.at(-1) !== 'false',
    words: [...words, ...given.slice(at)],
  };
}
