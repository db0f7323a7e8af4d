/**
 * libyaml does not look at the indentation of lines inside brackets and quotes; the parser we use does, as YAML 1.2
 * demands. Text that only libyaml accepts is indented here before it is parsed, and the columns are counted back.
 */
export interface Indented {
  text: string;
  /** Blanks that were added in front of each line, by line number from 0. */
  added: number[];
}

/** Indents the lines on which the bracket or quote that opens at `start` goes on; nothing when it never closes. */
export function indentContinuation(input: Indented, start: number): Indented | undefined {
  const end = endOfGroup(input.text, start);
  if (end === undefined) return undefined;
  const lineStart = input.text.lastIndexOf('\n', start - 1) + 1;
  const firstLine = countLines(input.text, lineStart);
  const blanks = start - lineStart + 1;
  const lines = input.text.slice(start, end).split('\n');
  if (lines.length === 1) return undefined;
  const added = [...input.added];
  const shifted = lines.map((line, index) => {
    if (index === 0) return line;
    added[firstLine + index] = (added[firstLine + index] ?? 0) + blanks;
    return ' '.repeat(blanks) + line;
  });
  return { text: input.text.slice(0, start) + shifted.join('\n') + input.text.slice(end), added };
}

function countLines(text: string, end: number): number {
  let lines = 0;
  for (let index = text.indexOf('\n'); index !== -1 && index < end; index = text.indexOf('\n', index + 1)) lines++;
  return lines;
}

/** The offset after the bracket or quote that closes what opens at `start`. */
function endOfGroup(text: string, start: number): number | undefined {
  let depth = 0;
  for (let index = start; index < text.length; index++) {
    const character = text[index] as string;
    if (character === '"' || (character === "'" && startsScalar(text, index, start))) {
      const end = endOfQuote(text, index);
      if (end === undefined) return undefined;
      index = end - 1;
    } else if (character === '[' || character === '{') depth++;
    else if (character === ']' || character === '}') depth--;
    else if (character === '#' && /\s/.test(text[index - 1] ?? ' ')) index = lineEnd(text, index) - 1;
    if (depth === 0) return index + 1;
  }
  return undefined;
}

/** An apostrophe inside a word does not open a quote. */
function startsScalar(text: string, index: number, start: number): boolean {
  return index === start || /[\s[{,:]/.test(text[index - 1] as string);
}

function endOfQuote(text: string, start: number): number | undefined {
  const quote = text[start] as string;
  for (let index = start + 1; index < text.length; index++) {
    if (text[index] === '\\' && quote === '"') index++;
    else if (text[index] === quote) {
      if (quote === "'" && text[index + 1] === "'") index++;
      else return index + 1;
    }
  }
  return undefined;
}

function lineEnd(text: string, index: number): number {
  const end = text.indexOf('\n', index);
  return end === -1 ? text.length : end;
}
