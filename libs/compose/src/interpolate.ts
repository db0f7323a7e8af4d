import { parseFloatText } from './formats/float.js';
import type { Findings, Position } from './problems.js';
import { joinPath } from './problems.js';
import type { MapValue, Value } from './yaml/value.js';

export type Environment = Record<string, string | undefined>;

/** Replaces the variables in every string value (not in keys), and makes numbers and booleans of it where the schema wants those. */
export function interpolate(document: MapValue, environment: Environment, findings: Findings): MapValue {
  return interpolateValue(document, { path: '', pattern: [] }, environment, findings) as MapValue;
}

interface Place {
  path: string;
  /** The path with list indices as `[]`, split at every dot, also those inside names. */
  pattern: string[];
}

function interpolateValue(value: Value, place: Place, environment: Environment, findings: Findings): Value {
  if (value.kind === 'map') {
    const entries = [...value.entries].map(([key, entry]) => {
      const inner = { path: joinPath(place.path, key), pattern: [...place.pattern, ...key.split('.')] };
      return [key, { ...entry, value: interpolateValue(entry.value, inner, environment, findings) }] as const;
    });
    return { ...value, entries: new Map(entries) };
  }
  if (value.kind === 'list') {
    const items = value.items.map((item, index) => {
      const inner = { path: joinPath(place.path, index), pattern: [...place.pattern, '[]'] };
      return interpolateValue(item, inner, environment, findings);
    });
    return { ...value, items };
  }
  if (value.kind !== 'string') return value;
  return interpolateString(value.text, value.at, place, environment, findings);
}

function interpolateString(text: string, at: Position, place: Place, environment: Environment, findings: Findings): Value {
  const result = substitute(text, environment);
  for (const lost of result.overlooked) findings.note('surprising', at, place.path, `${lost}; Docker overlooks it because another variable follows`);
  if (result.error !== undefined) {
    findings.problem(at, place.path, result.error, result.suggestion);
    return { kind: 'string', text, at };
  }
  if (result.text === text) return { kind: 'string', text, at };
  const cast = casts.find(({ pattern }) => matches(pattern, place.pattern));
  if (!cast) return { kind: 'string', text: result.text, at };
  const value = cast.to(result.text);
  if (value) return { ...value, at };
  findings.problem(at, place.path, `"${text}" becomes "${result.text}", which is not ${cast.what}`);
  return { kind: 'string', text: result.text, at };
}

interface Substitution {
  text: string;
  error?: string;
  suggestion?: string;
  /** Errors that a later variable of the same string made Docker forget. */
  overlooked: string[];
}

const variable = /\$(?:(?<escaped>\$)|(?<named>[_a-z][_a-z0-9]*(?::?[-?][^}]*)?)|\{(?<braced>[_a-z][_a-z0-9]*(?::?[-?][^}]*)?)\}|)/giu;

/**
 * `$V ${V} ${V:-d} ${V-d} ${V:?e} ${V?e} $$`. There is no nesting: an expression ends at the first `}`, and one without
 * braces that goes on with `-` or `?` takes everything up to there. Of several errors only one at the last variable counts.
 */
function substitute(template: string, environment: Environment): Substitution {
  const overlooked: string[] = [];
  let error: { message: string; suggestion?: string } | undefined;
  const text = template.replace(variable, (...found) => {
    const { escaped, named, braced } = found.at(-1) as Record<string, string | undefined>;
    if (escaped) return '$';
    const expression = named ?? braced;
    if (expression === undefined) {
      error = { message: `"${template}" has a $ that does not begin a variable`, suggestion: 'write $$ for a dollar sign; variables are $NAME, ${NAME}, ${NAME:-default} or ${NAME:?message}' };
      return '';
    }
    const value = evaluate(expression, environment);
    if (error && value.error === undefined) overlooked.push(error.message);
    error = value.error === undefined ? undefined : { message: value.error };
    return value.text;
  });
  return { text, overlooked, ...(error ? { error: error.message, ...(error.suggestion ? { suggestion: error.suggestion } : {}) } : {}) };
}

/** Tried in this order whatever the expression begins with, so `${V:?a-b}` is a default of `b` for the variable `V:?a`. */
function evaluate(expression: string, environment: Environment): { text: string; error?: string } {
  for (const operator of [':-', '-', ':?', '?']) {
    const index = expression.indexOf(operator);
    if (index === -1) continue;
    const name = expression.slice(0, index);
    const rest = expression.slice(index + operator.length);
    const value = lookup(environment, name);
    const present = value !== undefined && (value !== '' || !operator.startsWith(':'));
    if (present) return { text: value };
    if (operator.endsWith('-')) return { text: rest };
    return { text: '', error: `the variable ${name} must be set${rest ? `: ${rest}` : ''}` };
  }
  return { text: lookup(environment, expression) ?? '' };
}

export function lookup(environment: Environment, name: string): string | undefined {
  return Object.hasOwn(environment, name) ? environment[name] : undefined;
}

interface Cast {
  pattern: string[];
  what: string;
  to(text: string): { kind: 'int'; value: bigint } | { kind: 'float'; value: number } | { kind: 'bool'; value: boolean } | undefined;
}

const toInteger = { what: 'a whole number', to: parseInteger };
const toFloat = { what: 'a number', to: parseNumber };
const toBoolean = { what: 'yes or no', to: parseBoolean };

const casts: Cast[] = [
  ...on(toInteger, 'configs.[].mode', 'secrets.[].mode', 'healthcheck.retries', 'deploy.replicas', 'deploy.update_config.parallelism'),
  ...on(toInteger, 'deploy.rollback_config.parallelism', 'deploy.restart_policy.max_attempts', 'deploy.placement.max_replicas_per_node', 'deploy.x-priority', 'deploy.x-cron.history'),
  ...on(toInteger, 'ports.[].target', 'ports.[].published', 'ulimits.*', 'ulimits.*.hard', 'ulimits.*.soft', 'oom_score_adj'),
  ...on(toFloat, 'deploy.update_config.max_failure_ratio', 'deploy.rollback_config.max_failure_ratio'),
  ...on(toBoolean, 'deploy.placement.x-rebalance', 'healthcheck.disable', 'privileged', 'read_only', 'stdin_open', 'tty', 'volumes.[].read_only', 'volumes.[].volume.nocopy'),
  ...['networks.*.external', 'networks.*.internal', 'networks.*.attachable', 'volumes.*.external', 'secrets.*.external', 'configs.*.external'].map(
    (path) => ({ ...toBoolean, pattern: path.split('.') }),
  ),
];

function on(cast: Omit<Cast, 'pattern'>, ...servicePaths: string[]): Cast[] {
  return servicePaths.map((path) => ({ ...cast, pattern: ['services', '*', ...path.split('.')] }));
}

function matches(pattern: string[], path: string[]): boolean {
  return pattern.length === path.length && pattern.every((part, index) => part === '*' || part === path[index]);
}

function parseInteger(text: string): ReturnType<Cast['to']> {
  if (!/^[-+]?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text.replace(/^\+/, ''));
  return value >= -(2n ** 63n) && value < 2n ** 63n ? { kind: 'int', value } : undefined;
}

function parseNumber(text: string): ReturnType<Cast['to']> {
  if (/^[-+]?(?:inf|infinity|nan)$/i.test(text)) return { kind: 'float', value: NaN };
  const value = parseFloatText(text);
  return value === undefined ? undefined : { kind: 'float', value };
}

function parseBoolean(text: string): ReturnType<Cast['to']> {
  const word = text.toLowerCase();
  if (['y', 'yes', 'true', 'on'].includes(word)) return { kind: 'bool', value: true };
  if (['n', 'no', 'false', 'off'].includes(word)) return { kind: 'bool', value: false };
  return undefined;
}
