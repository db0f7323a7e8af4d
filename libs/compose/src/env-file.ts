import type { Findings, Position } from './problems.js';
import type { Environment } from './interpolate.js';
import { lookup } from './interpolate.js';

/** The content of a file: bytes, or text that is known to be text. */
export type FileContent = Uint8Array | string;

/** Lines longer than this cannot be read, as with Docker. */
const longestLine = 65_536;

/**
 * Reads `KEY=value` lines. There are no quotes and no variables; blanks before a line and lines with # are skipped;
 * `KEY` alone takes the client's value, or is left out when there is none.
 */
export function parseEnvFile(name: string, content: FileContent, environment: Environment, at: Position, path: string, findings: Findings): Map<string, string> {
  const variables = new Map<string, string>();
  const text = typeof content === 'string' ? content : decodeUtf8(content);
  if (text === undefined) {
    findings.problem(at, path, `${name} is not UTF-8 text`);
    return variables;
  }
  text.replace(/^\uFEFF/, '').split('\n').forEach((line, index) => {
    const variable = parseLine(line.replace(/\r$/, ''), environment);
    if (variable === undefined) return;
    if (typeof variable === 'string') findings.problem(at, path, `${name}:${index + 1}: ${variable}`);
    else variables.set(variable.key, variable.value);
  });
  return variables;
}

function parseLine(line: string, environment: Environment): { key: string; value: string } | string | undefined {
  if (line.length >= longestLine) return 'the line is too long';
  const trimmed = line.trimStart();
  if (trimmed === '' || trimmed.startsWith('#')) return undefined;
  const equals = trimmed.indexOf('=');
  const key = equals === -1 ? trimmed : trimmed.slice(0, equals);
  if (key === '') return `"${trimmed}" has no name before the =`;
  if (/[ \t]/.test(key)) return `the name "${key}" contains blanks`;
  if (equals !== -1) return { key, value: trimmed.slice(equals + 1) };
  const value = lookup(environment, key);
  return value === undefined ? undefined : { key, value };
}

/** Bytes that are no UTF-8 become replacement characters. */
export function textOf(content: FileContent): string {
  return typeof content === 'string' ? content : new TextDecoder().decode(content);
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
