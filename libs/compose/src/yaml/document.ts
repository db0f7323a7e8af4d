import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Alias, Node, Pair, Scalar as YamlScalar, YAMLMap, YAMLParseError, YAMLSeq } from 'yaml';
import type { Findings, Position } from '../problems.js';
import { joinPath } from '../problems.js';
import { firstDocument, parseRoot, rejectCharacters, rejectDirective, syntaxErrors } from './parse.js';
import type { Parsed } from './parse.js';
import { resolvePlain, resolveTagged } from './scalars.js';
import type { Entry, ListValue, MapValue, Scalar, Value } from './value.js';

/**
 * Reads the first document of a file with the rules of Go's yaml.v3. What is wrong goes to `findings`;
 * the answer is undefined when the file cannot be read as a mapping at all.
 */
export function readYaml(file: string, text: string, findings: Findings): MapValue | undefined {
  const source = firstDocument(text.startsWith('\uFEFF') ? text.slice(1) : text);
  const start: Position = { file, line: 1, column: 1 };
  if (rejectCharacters(file, source, findings)) return undefined;
  const parsed = parseRoot(file, source, findings);
  const reader = new Reader(file, parsed, findings);
  const errors = syntaxErrors(parsed);
  errors.forEach((error) => reader.syntaxProblem(error));
  if (errors.length > 0 || rejectDirective(file, source, findings)) return undefined;
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
    const tag = (node as { tag?: string }).tag;
    return tag === '!reset' || tag === '!override' ? { ...value, tag: tag === '!reset' ? 'reset' : 'override' } : value;
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
