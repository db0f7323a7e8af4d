import { Refused } from '../errors.js';
import { nearest } from '../nearest.js';
import { isTrue, print, templateFunctions } from './functions.js';
import { parseTemplate, type Node, type Operand, type Pipe } from './parse.js';

export interface GoTemplate {
  /** Throws `Refused('invalid')` for names and functions that are not there. */
  render(value: unknown): string;
}

export type TemplateFunctions = Record<string, (...values: unknown[]) => unknown>;

/**
 * Compiles the part of Go's template language that people use: fields, functions, pipes, if, range and with; no variables.
 * `strict` refuses names that the value does not have; for objects straight from the API,
 * where an absent field means its zero value, leave it off. Throws `Refused('invalid')`.
 */
export function compileGoTemplate(source: string, { strict, functions = {} }: { strict: boolean; functions?: TemplateFunctions }): GoTemplate {
  const nodes = parseTemplate(source);
  const all = { ...templateFunctions, ...functions };
  return { render: (value) => renderNodes(nodes, { top: value, dot: value, strict, functions: all }) };
}

interface Scope {
  top: unknown;
  dot: unknown;
  strict: boolean;
  functions: TemplateFunctions;
}

function renderNodes(nodes: Node[], scope: Scope): string {
  return nodes.map((node) => renderNode(node, scope)).join('');
}

function renderNode(node: Node, scope: Scope): string {
  if (node.kind === 'text') return node.text;
  const value = evaluate(node.pipe, scope);
  if (node.kind === 'action') return print(value);
  if (node.kind === 'range') return renderRange(node.body, node.otherwise, value, scope);
  if (!isTrue(value)) return renderNodes(node.otherwise, scope);
  return renderNodes(node.body, node.kind === 'with' ? { ...scope, dot: value } : scope);
}

function renderRange(body: Node[], otherwise: Node[], value: unknown, scope: Scope): string {
  const items = Array.isArray(value) ? value : Object.values((value as object | null | undefined) ?? {});
  if (items.length === 0) return renderNodes(otherwise, scope);
  return items.map((item) => renderNodes(body, { ...scope, dot: item })).join('');
}

function evaluate(pipe: Pipe, scope: Scope): unknown {
  let carried: unknown[] = [];
  for (const command of pipe) carried = [evaluateCommand(command, carried, scope)];
  return carried[0];
}

function evaluateCommand([head, ...rest]: Operand[], carried: unknown[], scope: Scope): unknown {
  const given = [...rest.map((operand) => evaluateOperand(operand, scope)), ...carried];
  if (head!.kind === 'function') return functionNamed(head!.name, scope)(...given);
  const value = evaluateOperand(head!, scope);
  if (typeof value === 'function') return (value as (...values: unknown[]) => unknown)(...given);
  if (given.length > 0) throw new Refused('invalid', `template: ${describe(head!)} takes no arguments`);
  return value;
}

function evaluateOperand(operand: Operand, scope: Scope): unknown {
  switch (operand.kind) {
    case 'literal':
      return operand.value;
    case 'function':
      return functionNamed(operand.name, scope)();
    case 'group':
      return follow(evaluate(operand.pipe, scope), operand.names, false);
    case 'path':
      return follow(operand.root === 'top' ? scope.top : scope.dot, operand.names, scope.strict);
  }
}

function follow(from: unknown, names: string[], strict: boolean): unknown {
  let value = from;
  for (const name of names) {
    const known = value !== null && typeof value === 'object' && name in value;
    if (!known && strict && value !== null && typeof value === 'object' && !Array.isArray(value)) throw unknownField(name, value);
    value = known ? (value as Record<string, unknown>)[name] : undefined;
  }
  return value;
}

function unknownField(name: string, value: object): Error {
  const known = Object.keys(value);
  return new Refused('invalid', `template: there is no field .${name}.${didYouMean(name, known)} Fields: ${known.map((key) => `.${key}`).join(' ')}`);
}

function functionNamed(name: string, { functions }: Scope): (...values: unknown[]) => unknown {
  const found = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (!found) throw new Refused('invalid', `template: function "${name}" is not defined.${didYouMean(name, Object.keys(functions))}`);
  return found;
}

function describe(operand: Operand): string {
  return operand.kind === 'path' ? `.${operand.names.join('.')}` : operand.kind;
}

function didYouMean(word: string, candidates: Iterable<string>): string {
  const found = nearest(word, candidates);
  return found === undefined ? '' : ` Did you mean ${found}?`;
}
