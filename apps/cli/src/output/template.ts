import { badUsage } from '../exit-status.js';
import { didYouMean } from './suggest.js';
import { isTrue, print, templateFunctions } from './template-functions.js';
import { parseTemplate, type Node, type Operand, type Pipe } from './template-parse.js';

export interface Template {
  render(value: unknown): string;
}

/**
 * Compiles the part of Go's template language that people use in `--format`.
 * `strict` refuses names that the value does not have; for objects straight from the API,
 * where an absent field means its zero value, leave it off.
 */
export function compileTemplate(source: string, { strict }: { strict: boolean }): Template {
  const nodes = parseTemplate(source.replaceAll('\\t', '\t').replaceAll('\\n', '\n'));
  return { render: (value) => renderNodes(nodes, { top: value, dot: value, strict }) };
}

interface Scope {
  top: unknown;
  dot: unknown;
  strict: boolean;
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
  if (head!.kind === 'function') return functionNamed(head!.name)(...given);
  const value = evaluateOperand(head!, scope);
  if (typeof value === 'function') return (value as (...values: unknown[]) => unknown)(...given);
  if (given.length > 0) throw badUsage(`template: ${describe(head!)} takes no arguments`);
  return value;
}

function evaluateOperand(operand: Operand, scope: Scope): unknown {
  switch (operand.kind) {
    case 'literal':
      return operand.value;
    case 'function':
      return functionNamed(operand.name)();
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
  return badUsage(`template: there is no field .${name}.${didYouMean(name, known)} Fields: ${known.map((key) => `.${key}`).join(' ')}`);
}

function functionNamed(name: string): (...values: unknown[]) => unknown {
  const found = templateFunctions[name];
  if (!found) throw badUsage(`template: function "${name}" is not defined.${didYouMean(name, Object.keys(templateFunctions))}`);
  return found;
}

function describe(operand: Operand): string {
  return operand.kind === 'path' ? `.${operand.names.join('.')}` : operand.kind;
}
