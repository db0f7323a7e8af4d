import { Refused } from '../errors.js';

/** What a template of Go's text/template consists of, but for variables and named templates. */
export type Node =
  | { kind: 'text'; text: string }
  | { kind: 'action'; pipe: Pipe }
  | { kind: 'if' | 'range' | 'with'; pipe: Pipe; body: Node[]; otherwise: Node[] };

/** Commands joined by `|`: the value of one is the last argument of the next. */
export type Pipe = Operand[][];

export type Operand =
  | { kind: 'path'; root: 'dot' | 'top'; names: string[] }
  | { kind: 'literal'; value: unknown }
  | { kind: 'function'; name: string }
  | { kind: 'group'; pipe: Pipe; names: string[] };

/** Throws `Refused('invalid')`. */
export function parseTemplate(source: string): Node[] {
  return new Parser(split(source)).list([]);
}

type Part = { text: string } | { action: string };

/** Text and actions; `{{-` and `-}}` eat the white space beside them. */
function split(source: string): Part[] {
  const parts: Part[] = [];
  let rest = source;
  let trimNext = false;
  const pushText = (text: string) => {
    const trimmed = trimNext ? text.trimStart() : text;
    if (trimmed) parts.push({ text: trimmed });
  };
  for (let open = rest.indexOf('{{'); open >= 0; open = rest.indexOf('{{')) {
    const close = rest.indexOf('}}', open);
    if (close < 0) throw new Refused('invalid', 'template parsing error: an action "{{" is not closed by "}}"');
    let action = rest.slice(open + 2, close);
    const trimBefore = /^-\s/.test(action);
    const trimAfter = /\s-$/.test(action);
    if (trimBefore) action = action.slice(1);
    if (trimAfter) action = action.slice(0, -1);
    pushText(trimBefore ? rest.slice(0, open).trimEnd() : rest.slice(0, open));
    if (!/^\s*\/\*.*\*\/\s*$/s.test(action)) parts.push({ action: action.trim() });
    rest = rest.slice(close + 2);
    trimNext = trimAfter;
  }
  pushText(rest);
  return parts;
}

class Parser {
  #at = 0;
  constructor(readonly parts: Part[]) {}

  /** Nodes up to one of `ends` (which stays the current part), or up to the end of the text. */
  list(ends: string[]): Node[] {
    const nodes: Node[] = [];
    for (; this.#at < this.parts.length; this.#at++) {
      const part = this.parts[this.#at]!;
      if ('text' in part) {
        nodes.push({ kind: 'text', text: part.text });
        continue;
      }
      const word = /^\w*/.exec(part.action)![0];
      if (ends.includes(word)) return nodes;
      if (word === 'end' || word === 'else') throw new Refused('invalid', `template parsing error: unexpected {{${part.action}}}`);
      if (word === 'if' || word === 'range' || word === 'with') nodes.push(this.#block(word, part.action.slice(word.length)));
      else nodes.push({ kind: 'action', pipe: parsePipe(part.action) });
    }
    if (ends.length > 0) throw new Refused('invalid', 'template parsing error: {{end}} is missing');
    return nodes;
  }

  #block(kind: 'if' | 'range' | 'with', condition: string): Node {
    const pipe = parsePipe(condition);
    this.#at++;
    const body = this.list(['else', 'end']);
    const stop = this.#action();
    if (stop === 'end') return { kind, pipe, body, otherwise: [] };
    const chained = /^else\s+if\b(.*)$/s.exec(stop);
    if (chained) return { kind, pipe, body, otherwise: [this.#block('if', chained[1]!)] };
    this.#at++;
    const otherwise = this.list(['end']);
    return { kind, pipe, body, otherwise };
  }

  #action(): string {
    return (this.parts[this.#at] as { action: string }).action;
  }
}

const tokenPattern = /\s*("(?:[^"\\]|\\.)*"|`[^`]*`|\(|\)|\||-?\d+(?:\.\d+)?|\$?(?:\.[A-Za-z_]\w*)+|\$|\.|[A-Za-z_]\w*)/y;

function parsePipe(action: string): Pipe {
  const tokens = tokenize(action);
  const pipe = readPipe(tokens, action);
  if (tokens.length > 0) throw unexpected(tokens[0]!, action);
  return pipe;
}

function tokenize(action: string): string[] {
  const tokens: string[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < action.trimEnd().length) {
    const at = tokenPattern.lastIndex;
    const match = tokenPattern.exec(action);
    if (!match) throw unexpected(action.slice(at).trim(), action);
    tokens.push(match[1]!);
  }
  return tokens;
}

function readPipe(tokens: string[], action: string): Pipe {
  const pipe: Pipe = [[]];
  while (tokens.length > 0 && tokens[0] !== ')') {
    const token = tokens.shift()!;
    if (token === '|') pipe.push([]);
    else pipe.at(-1)!.push(readOperand(token, tokens, action));
  }
  if (pipe.some((command) => command.length === 0)) throw new Refused('invalid', `template parsing error: missing value in {{${action}}}`);
  return pipe;
}

function readOperand(token: string, tokens: string[], action: string): Operand {
  if (token === '(') {
    const pipe = readPipe(tokens, action);
    if (tokens.shift() !== ')') throw new Refused('invalid', `template parsing error: unclosed ( in {{${action}}}`);
    const names = tokens[0]?.startsWith('.') && tokens[0] !== '.' ? tokens.shift()!.slice(1).split('.') : [];
    return { kind: 'group', pipe, names };
  }
  if (token.startsWith('.') || token.startsWith('$')) {
    const root = token.startsWith('$') ? 'top' : 'dot';
    return { kind: 'path', root, names: token.replace(/^\$?\.?/, '').split('.').filter(Boolean) };
  }
  if (token.startsWith('"')) return { kind: 'literal', value: JSON.parse(token) };
  if (token.startsWith('`')) return { kind: 'literal', value: token.slice(1, -1) };
  if (/^-?\d/.test(token)) return { kind: 'literal', value: Number(token) };
  if (token === 'true' || token === 'false') return { kind: 'literal', value: token === 'true' };
  if (token === 'nil') return { kind: 'literal', value: null };
  if (/^\w/.test(token)) return { kind: 'function', name: token };
  throw unexpected(token, action);
}

function unexpected(token: string, action: string): Error {
  return new Refused('invalid', `template parsing error: unexpected "${token}" in {{${action}}}`);
}
