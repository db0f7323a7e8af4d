/**
 * Splits a command line into words: quotes and backslashes as in a POSIX shell, but a backslash in double quotes always
 * takes the next character as it is, and # begins a comment where a word could begin. Undefined: a quote does not close.
 */
export function splitShellWords(line: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  const characters = [...line];
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index] as string;
    if (/[ \t\r\n]/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === '#' && word === undefined) {
      while (index + 1 < characters.length && characters[index + 1] !== '\n') index++;
    } else if (character === '"' || character === "'") {
      const quoted = readQuoted(characters, index);
      if (!quoted) return undefined;
      word = (word ?? '') + quoted.text;
      index = quoted.end;
    } else if (character === '\\') {
      if (++index >= characters.length) return undefined;
      word = (word ?? '') + characters[index];
    } else word = (word ?? '') + character;
  }
  if (word !== undefined) words.push(word);
  return words;
}

function readQuoted(characters: string[], start: number): { text: string; end: number } | undefined {
  const quote = characters[start];
  let text = '';
  for (let index = start + 1; index < characters.length; index++) {
    const character = characters[index] as string;
    if (character === quote) return { text, end: index };
    if (character === '\\' && quote === '"') {
      if (++index >= characters.length) return undefined;
      text += characters[index];
    } else text += character;
  }
  return undefined;
}
