import { Composer, LineCounter, Parser, isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Alias, Document, Node, Pair, Scalar as YamlScalar, YAMLMap, YAMLParseError, YAMLSeq } from 'yaml';
import type { Findings, Position } from '../problems.js';
import { joinPath } from '../problems.js';
import { indentContinuation } from './indentation.js';
import type { Indented } from './indentation.js';
import { resolvePlain, resolveTagged } from './scalars.js';
import type { Entry, ListValue, MapValue, Scalar, Value } from './value.js';

/**
 * Reads the first document of a file with the rules of Go's yaml.v3. What is wrong goes to `findings`;
 * the answer is undefined when the file cannot be read as a mapping at all.
 */
export function readYaml(file: string, text: string, findings: Findings): MapValue | undefined {
  const source = firstDocument(text.startsWith('\uFEFF') ? text.slice(1) : text);
  const start: Position = { file, line: 1, column: 1 };
  if (rejectsCharacters(file, source, findings)) return undefined;
  const parsed = parseRoot(file, source, findings);
  const reader = new Reader(file, parsed, findings);
  if (parsed.document?.errors.some((error) => !isTolerated(error))) {
    for (const error of parsed.document.errors) if (!isTolerated(error)) reader.syntaxProblem(error);
    return undefined;
  }
  if (rejectsDirective(file, source, findings)) return undefined;
  const root = parsed.document?.contents;
  if (!root) {
    findings.problem(start, '', 'the file is empty; a compose file is a mapping that begins with "services:"');
    return undefined;
  }
  const value = reader.read(root as Node, '');
  if (value.kind === 'map') return value;
  findings.problem(value.at, '', 'a compose file must be a mapping that begins with "services:"');
  return undefined;
}

/** What comes after the first document is not even looked at. A marker in the first column counts in every context. */
function firstDocument(text: string): string {
  const begun = /^(?:(?:[ \t]*(?:#.*)?|%.*)\r?\n)*---(?=\s|$)/.exec(text);
  const from = begun ? begun[0].length : 0;
  const end = /^(?:---|\.\.\.)(?=\s|$)/m.exec(text.slice(from));
  return end ? text.slice(0, from + end.index) : text;
}

interface Parsed extends Indented {
  document?: Document.Parsed;
  lines: LineCounter;
}

/**
 * When the first line is indented, libyaml ends the document at the first line that is indented less, and never looks at the
 * rest. So do we, but not in silence.
 */
function parseRoot(file: string, text: string, findings: Findings): Parsed {
  const parsed = parseLeniently({ text, added: [] });
  const error = parsed.document?.errors.find((each) => !isTolerated(each));
  const indentation = /^(?:[ \t]*(?:#.*)?\r?\n|---[ \t]*\r?\n)*( +)[^ #]/.exec(text)?.[1]?.length ?? 0;
  if (!error || indentation === 0) return parsed;
  const lineStart = text.lastIndexOf('\n', error.pos[0] - 1) + 1;
  const line = /^( *)[^\n]*/.exec(text.slice(lineStart)) as RegExpExecArray;
  if ((line[1] as string).length >= indentation || lineStart === 0) return parsed;
  const shorter = parseLeniently({ text: text.slice(0, lineStart), added: [] });
  if (shorter.document?.errors.some((each) => !isTolerated(each))) return parsed;
  const at = { file, line: text.slice(0, lineStart).split('\n').length, column: 1 };
  findings.note('surprising', at, '', 'the file ends here, because this line is indented less than the first one; nothing from here on counts');
  return shorter;
}

function parseLeniently(input: Indented): Parsed {
  let current = input;
  for (let attempt = 0; attempt < 100; attempt++) {
    const parsed = parse(current);
    const misindented = parsed.document?.errors.find((error) => !isTolerated(error));
    const opening = misindented && openingOf(misindented, current.text);
    const indented = opening === undefined ? undefined : indentContinuation(current, opening);
    if (!indented) return parsed;
    current = indented;
  }
  return parse(current);
}

function parse(input: Indented): Parsed {
  const lines = new LineCounter();
  const composer = new Composer({ schema: 'failsafe', uniqueKeys: false, logLevel: 'silent', prettyErrors: false });
  const documents = composer.compose(new Parser(lines.addNewLine).parse(input.text), true, input.text.length);
  const first = documents.next();
  return { ...input, lines, ...(first.done ? {} : { document: first.value }) };
}

/** Where the bracket or quote opens that an indentation error is about. */
function openingOf(error: YAMLParseError, text: string): number | undefined {
  const missingQuote = /^Missing closing (['"])/.exec(error.message)?.[1];
  if (missingQuote) return text.lastIndexOf(missingQuote, error.pos[0]);
  if (error.code !== 'BAD_INDENT') return undefined;
  const opening = Math.max(text.lastIndexOf('[', error.pos[0]), text.lastIndexOf('{', error.pos[0]));
  return opening === -1 ? undefined : opening;
}

/** libyaml begins a comment at any # that does not continue a plain word. */
function isTolerated(error: YAMLParseError): boolean {
  return error.message.startsWith('Comments must be separated');
}

// eslint-disable-next-line no-control-regex
const forbiddenCharacter = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\ufffe\uffff]/;

function rejectsCharacters(file: string, text: string, findings: Findings): boolean {
  const offset = text.search(forbiddenCharacter);
  if (offset === -1) return false;
  const before = text.slice(0, offset).split('\n');
  const code = (text.charCodeAt(offset) + 0x10000).toString(16).slice(1);
  const at = { file, line: before.length, column: (before.at(-1) as string).length + 1 };
  findings.problem(at, '', `the control character U+${code.toUpperCase()} is not allowed in YAML`);
  return true;
}

function rejectsDirective(file: string, text: string, findings: Findings): boolean {
  const [, version] = /^%YAML[ \t]+(\S+)/m.exec(text.split(/^---/m)[0] as string) ?? [];
  if (version === undefined || version === '1.1' || version === '1.2') return false;
  findings.problem({ file, line: 1, column: 1 }, '', `YAML ${version} is not known`, 'leave the %YAML line out');
  return true;
}

/** Beyond this many values a file whose values come mostly from aliases is taken for an attack (yaml.v3's limits). */
const aliasesAllowed = { aliased: 100, decoded: 1000, ratio: 0.99 };

class Reader {
  private readonly anchors = new Map<string, Node>();
  private readonly open = new Set<Node>();
  private decoded = 0;
  private aliased = 0;
  private aliasDepth = 0;

  constructor(
    private readonly file: string,
    private readonly parsed: Parsed,
    private readonly findings: Findings,
  ) {}

  read(node: Node | null, path: string, near?: Position): Value {
    if (node === null) return { kind: 'null', at: near ?? { file: this.file, line: 1, column: 1 } };
    this.countAgainstBombs();
    if (isAlias(node)) return this.readAlias(node, path);
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor) this.addAnchor(anchor, node, path);
    this.open.add(node);
    const value = this.readContent(node, path);
    this.open.delete(node);
    return value;
  }

  syntaxProblem(error: YAMLParseError): void {
    this.findings.problem(this.position(error.pos[0]), '', `not valid YAML: ${error.message}`);
  }

  private addAnchor(name: string, node: Node, path: string): void {
    this.anchors.set(name, node);
    if (/^[0-9A-Za-z_-]+$/.test(name)) return;
    this.findings.problem(this.at(node), path, `not valid YAML: the anchor &${name} has other signs than letters, digits, "_" and "-"`);
  }

  private readContent(node: Node, path: string): Value {
    if (isMap(node)) return this.readMap(node, path);
    if (isSeq(node)) return this.readList(node, path);
    if (isScalar(node)) return this.readScalar(node, path);
    return { kind: 'null', at: this.at(node) };
  }

  private readAlias(node: Alias, path: string): Value {
    const target = this.anchors.get(node.source);
    const at = this.at(node);
    if (!target) {
      this.findings.problem(at, path, `there is no anchor &${node.source} before this alias`);
      return { kind: 'null', at };
    }
    if (this.open.has(target)) {
      this.findings.problem(at, path, `the anchor &${node.source} contains itself`);
      return { kind: 'null', at };
    }
    this.aliasDepth++;
    const value = this.read(target, path);
    this.aliasDepth--;
    return value;
  }

  private readMap(node: YAMLMap, path: string): MapValue {
    const map: MapValue = { kind: 'map', at: this.at(node), entries: new Map() };
    const seen = new Map<string, Position>();
    const merges: { node: Node | null; at: Position }[] = [];
    for (const pair of node.items as Pair<Node | null, Node | null>[]) {
      const keyAt = pair.key ? this.at(pair.key) : map.at;
      this.checkDuplicate(pair.key, keyAt, seen, path);
      if (isMergeKey(pair.key)) {
        merges.push({ node: pair.value, at: keyAt });
        continue;
      }
      const key = this.readKey(pair.key, keyAt, path);
      if (key === undefined) continue;
      map.entries.set(key, { keyAt, value: this.read(pair.value, joinPath(path, key), keyAt) });
    }
    for (const merge of merges) this.merge(map, merge.node, merge.at, path);
    return map;
  }

  private readKey(key: Node | null, at: Position, path: string): string | undefined {
    const value = this.read(key, path, at);
    if (value.kind === 'string' && !hasOwnTag(key)) return value.text;
    const what = value.kind === 'map' || value.kind === 'list' ? `not ${value.kind === 'map' ? 'a mapping' : 'a list'}` : 'put it in quotes';
    this.findings.problem(at, path, `keys must be strings; ${what}`);
    return undefined;
  }

  private checkDuplicate(key: Node | null, at: Position, seen: Map<string, Position>, path: string): void {
    const name = duplicateName(key);
    const earlier = seen.get(name);
    if (earlier) {
      this.findings.problem(at, path, `the key "${nameOf(key)}" stands here twice; the first is in line ${earlier.line}`);
    } else seen.set(name, at);
  }

  /** `<<`: keys of the map itself win, then those of the first map of a list. */
  private merge(into: MapValue, node: Node | null, at: Position, path: string): void {
    const sources = isSeq(node) ? (node.items as Node[]) : [node];
    if (isSeq(node) && node.anchor) this.addAnchor(node.anchor, node, path);
    for (const source of sources) {
      const value = source && this.read(source, path, at);
      if (value?.kind !== 'map') {
        this.findings.problem(at, joinPath(path, '<<'), 'only mappings can be merged in with <<');
        continue;
      }
      for (const [key, entry] of value.entries) if (!into.entries.has(key)) into.entries.set(key, entry as Entry);
    }
  }

  private readList(node: YAMLSeq, path: string): ListValue {
    const at = this.at(node);
    const items = (node.items as (Node | null)[]).map((item, index) => {
      if (!node.flow && item) this.rejectTabAfterDash(item);
      return this.read(item, joinPath(path, index), at);
    });
    return { kind: 'list', at, items };
  }

  private rejectTabAfterDash(item: Node): void {
    const start = (item.range as [number, number, number])[0];
    const before = /[ \t]*$/.exec(this.parsed.text.slice(0, start))?.[0] ?? '';
    const dash = this.parsed.text[start - before.length - 1] === '-';
    if (dash && before.includes('\t')) this.findings.problem(this.position(start), '', 'not valid YAML: a tab after "-"', 'use a blank');
  }

  private readScalar(node: YamlScalar, path: string): Value {
    const at = this.at(node);
    const source = this.sourceOf(node);
    if (node.type?.startsWith('BLOCK')) this.rejectTabIndentation(node, path);
    if (node.type === 'QUOTE_DOUBLE') this.rejectForeignEscapes(node, path);
    const scalar = scalarOf(node, source);
    if (scalar) return { ...scalar, at };
    this.findings.problem(at, path, `"${source}" is not a ${String(node.tag).replace(/^.*[:!]/, '')}`);
    return { kind: 'null', at };
  }

  /** libyaml adds no line break to a block of text that ends with the file, in the middle of a line. */
  private sourceOf(node: YamlScalar): string {
    const source = node.source ?? '';
    const [, end] = node.range as [number, number, number];
    const text = this.parsed.text;
    const runsOut = node.type?.startsWith('BLOCK') && end >= text.length && !text.endsWith('\n') && source.endsWith('\n');
    return runsOut ? source.slice(0, -1) : source;
  }

  /** Where the indentation of a block of text is taken from its first line, a tab cannot be in it. */
  private rejectTabIndentation(node: YamlScalar, path: string): void {
    const [start, end] = node.range as [number, number, number];
    const [header = '', ...lines] = this.parsed.text.slice(start, end).split('\n');
    const first = lines.find((line) => !/^ *\r?$/.test(line)) ?? '';
    if (/^[|>][-+]?[0-9]/.test(header) || !/^ *\t/.test(first)) return;
    this.findings.problem(this.at(node), path, 'not valid YAML: a tab where the text must be indented', 'use blanks');
  }

  /** Escapes that YAML 1.1 does not know: a slash, and halves of a surrogate pair as in JSON. */
  private rejectForeignEscapes(node: YamlScalar, path: string): void {
    const [start, end] = node.range as [number, number, number];
    for (const [escape] of this.parsed.text.slice(start, end).matchAll(/\\(?:u[0-9a-fA-F]{4}|[^])/g)) {
      if (escape !== '\\/' && !/^\\u[dD][89a-fA-F]/.test(escape)) continue;
      this.findings.problem(this.at(node), path, `not valid YAML: the escape ${escape} is not known`, 'write the character itself');
      return;
    }
  }

  private countAgainstBombs(): void {
    this.decoded++;
    if (this.aliasDepth > 0) this.aliased++;
    const tooMany = this.aliased > aliasesAllowed.aliased && this.decoded > aliasesAllowed.decoded;
    if (tooMany && this.aliased / this.decoded > this.allowedRatio()) {
      throw new TooManyAliases();
    }
  }

  private allowedRatio(): number {
    if (this.decoded <= 400_000) return aliasesAllowed.ratio;
    if (this.decoded >= 4_000_000) return 0.1;
    return 0.99 - 0.89 * ((this.decoded - 400_000) / 3_600_000);
  }

  private at(node: Node): Position {
    return this.position((node.range as [number, number, number])[0]);
  }

  private position(offset: number): Position {
    const { line, col } = this.parsed.lines.linePos(offset);
    const added = this.parsed.added[line - 1] ?? 0;
    return { file: this.file, line: Math.max(line, 1), column: Math.max(col - added, 1) };
  }
}

/** A document that unfolds to far more than was written. */
export class TooManyAliases extends Error {
  override readonly name = 'TooManyAliases';
}

function scalarOf(node: YamlScalar, source: string): Scalar | undefined {
  const quoted = node.type !== 'PLAIN';
  const tag = node.tag === '!' ? undefined : node.tag;
  if (tag) return resolveTagged(tag, source);
  return quoted ? { kind: 'string', text: source } : resolvePlain(source);
}

function isMergeKey(key: Node | null): boolean {
  return isScalar(key) && key.type === 'PLAIN' && key.source === '<<' && (!key.tag || key.tag.endsWith('merge'));
}

/** A tag other than that of strings makes a key something else. */
function hasOwnTag(key: Node | null): boolean {
  const tag = key?.tag;
  return tag !== undefined && tag !== '!' && tag !== '!!str' && tag !== 'tag:yaml.org,2002:str';
}

/** yaml.v3 takes two keys for the same when kind and text are equal, quoted or not. */
function duplicateName(key: Node | null): string {
  if (isScalar(key)) return `scalar ${key.source ?? ''}`;
  if (isAlias(key)) return `alias ${key.source}`;
  return isMap(key) ? 'map' : isSeq(key) ? 'list' : 'scalar ';
}

function nameOf(key: Node | null): string {
  return isScalar(key) ? (key.source ?? '') : isAlias(key) ? `*${key.source}` : '';
}
