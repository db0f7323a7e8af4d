import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { Temporary } from '../../base/src/index.js';
import { inNamespace } from './namespaces.js';

const commandTimeoutMs = 30_000;

/** Runs a program to its end, in a namespace or in the process' own. */
export async function runCommand(command: string[], input: string, namespaceFd?: number): Promise<{ status: number | null; output: string; errors: string }> {
  const start = (): ChildProcess => spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'pipe'], timeout: commandTimeoutMs });
  // A child lives where its parent's thread is while it is made.
  const child = namespaceFd === undefined ? start() : inNamespace(namespaceFd, start);
  let output = '';
  let errors = '';
  child.stdout!.setEncoding('utf8').on('data', (data: string) => (output += data));
  child.stderr!.setEncoding('utf8').on('data', (data: string) => (errors += data));
  child.stdin!.on('error', () => undefined); // it ended without reading: its status says why
  child.stdin!.end(input);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', (cause) => reject(new Temporary(`cannot run ${command[0]}; is it installed?`, { cause })));
    child.on('close', resolve);
  });
  return { status, output, errors };
}
