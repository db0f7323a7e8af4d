/** The order of map keys in Go's YAML output: letters by code, runs of digits by their number, letters after other signs. */
export function compareKeys(left: string, right: string): number {
  const a = [...left];
  const b = [...right];
  let inDigits = false;
  for (let index = 0; index < a.length && index < b.length; index++) {
    const x = a[index] as string;
    const y = b[index] as string;
    if (x === y) inDigits = isDigit(x);
    else return compareAt(a, b, index, inDigits);
  }
  return a.length - b.length;
}

function compareAt(a: string[], b: string[], index: number, afterDigits: boolean): number {
  const x = a[index] as string;
  const y = b[index] as string;
  if (isLetter(x) && isLetter(y)) return codePoint(x) - codePoint(y);
  if (isLetter(x) || isLetter(y)) return (afterDigits ? isLetter(x) : isLetter(y)) ? -1 : 1;
  const start = x === '0' || y === '0' ? leadingNonZero(a, index) : 0;
  const left = digitRun(a, index, start);
  const right = digitRun(b, index, start);
  if (left.value !== right.value) return left.value - right.value;
  if (left.end !== right.end) return left.end - right.end;
  return codePoint(x) - codePoint(y);
}

function leadingNonZero(text: string[], index: number): number {
  for (let at = index - 1; at >= 0 && isDigit(text[at] as string); at--) if (text[at] !== '0') return 1;
  return 0;
}

function digitRun(text: string[], from: number, start: number): { value: number; end: number } {
  let value = start;
  let end = from;
  for (; end < text.length && isDigit(text[end] as string); end++) value = value * 10 + Number(text[end]);
  return { value, end };
}

function isDigit(character: string): boolean {
  return /^[0-9]$/.test(character);
}

function isLetter(character: string): boolean {
  return /^\p{L}$/u.test(character);
}

function codePoint(character: string): number {
  return character.codePointAt(0) as number;
}
