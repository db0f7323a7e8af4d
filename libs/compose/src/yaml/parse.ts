import { Composer, LineCounter, Parser } from 'yaml';
import type { Document, YAMLParseError } from 'yaml';
import type { Findings } from '../problems.js';
import { indentContinuation } from './indentation.js';
import type { Indented } from './indentation.js';

/** What comes after the first document is not even looked at. A marker in the first column counts in every context. */
export function firstDocument(text: string): string {
  const begun = /^(?:(?:[ \t]*(?:#.*)?|%.*)\r?\n)*---(?=\s|$)/.exec(text);
  const from = begun ? begun[0].length : 0;
  const end = /^(?:---|\.\.\.)(?=\s|$)/m.exec(text.slice(from));
  return end ? text.slice(0, from + end.index) : text;
}

export interface Parsed extends Indented {
  document?: Document.Parsed;
  lines: LineCounter;
}

/**
 * When the first line is indented, libyaml ends the document at the first line that is indented less, and never looks at the
 * rest. So do we, but not in silence.
 */
export function parseRoot(file: string, text: string, findings: Findings): Parsed {
  const parsed = parseLeniently({ text, added: [] });
  const [error] = syntaxErrors(parsed);
  const indentation = /^(?:[ \t]*(?:#.*)?\r?\n|---[ \t]*\r?\n)*( +)[^ #]/.exec(text)?.[1]?.length ?? 0;
  if (!error || indentation === 0) return parsed;
  const lineStart = text.lastIndexOf('\n', error.pos[0] - 1) + 1;
  const line = /^( *)[^\n]*/.exec(text.slice(lineStart)) as RegExpExecArray;
  if ((line[1] as string).length >= indentation || lineStart === 0) return parsed;
  const shorter = parseLeniently({ text: text.slice(0, lineStart), added: [] });
  if (syntaxErrors(shorter).length > 0) return parsed;
  const at = { file, line: text.slice(0, lineStart).split('\n').length, column: 1 };
  findings.note('surprising', at, '', 'the file ends here, because this line is indented less than the first one; nothing from here on counts');
  return shorter;
}

function parseLeniently(input: Indented): Parsed {
  let current = input;
  for (let attempt = 0; attempt < 100; attempt++) {
    const parsed = parse(current);
    const [misindented] = syntaxErrors(parsed);
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

/** What libyaml would refuse as well. */
export function syntaxErrors(parsed: Parsed): YAMLParseError[] {
  return (parsed.document?.errors ?? []).filter((error) => !isTolerated(error));
}

/** libyaml begins a comment at any # that does not continue a plain word. */
function isTolerated(error: YAMLParseError): boolean {
  return error.message.startsWith('Comments must be separated');
}

const forbiddenCharacter = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\ufffe\uffff]/;

/** Whether there are characters that no YAML text may have; reports the first. */
export function rejectCharacters(file: string, text: string, findings: Findings): boolean {
  const offset = text.search(forbiddenCharacter);
  if (offset === -1) return false;
  const before = text.slice(0, offset).split('\n');
  const code = (text.charCodeAt(offset) + 0x10000).toString(16).slice(1);
  const at = { file, line: before.length, column: (before.at(-1) as string).length + 1 };
  findings.problem(at, '', `the control character U+${code.toUpperCase()} is not allowed in YAML`);
  return true;
}

/** Whether the file asks for a YAML version that does not exist. */
export function rejectDirective(file: string, text: string, findings: Findings): boolean {
  const [, version] = /^%YAML[ \t]+(\S+)/m.exec(text.split(/^---/m)[0] as string) ?? [];
  if (version === undefined || version === '1.1' || version === '1.2') return false;
  findings.problem({ file, line: 1, column: 1 }, '', `YAML ${version} is not known`, 'leave the %YAML line out');
  return true;
}
