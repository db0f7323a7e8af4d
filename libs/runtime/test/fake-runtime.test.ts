import { describe, expect, test } from 'vitest';
import { Refused } from '../../base/src/index.js';
import { FakeRuntime, type ContainerRequest } from '../src/index.js';
import { runtimeContract } from './runtime-contract.js';

let count = 0;
function request(id = `f${++count}`): ContainerRequest {
  return { id, labels: { a: 'b' }, limits: {}, spec: { command: [] } } as unknown as ContainerRequest;
}

describe('contract', () => {
  const missing = new Set<string>();
  const behave = ({ id }: ContainerRequest) => (missing.has(id) ? { startError: new Refused('invalid', 'exec: "x": executable file not found in $PATH') } : {});
  const runtime = new FakeRuntime({ behave });
  runtimeContract(() => ({
    runtime,
    signal: new AbortController().signal,
    up: () => undefined,
    request(kind) {
      const made = request();
      if (kind === 'missing') missing.add(made.id);
      return made;
    },
  }));
});

test('does what it is told, and remembers what it was told', async () => {
  const { signal } = new AbortController();
  const runtime = new FakeRuntime({ behave: () => ({ ignoresSignals: true, exec: ({ argv }) => ({ exitCode: argv.length, output: 'x' }) }) });
  await runtime.create(request('c'), signal);
  await runtime.start('c');
  runtime.print('c', 'hello');
  await runtime.signal('c', 'TERM');
  expect(await runtime.exec('c', { argv: ['a', 'b'], timeoutMs: 1, maxOutputBytes: 1 }, signal)).toEqual({ exitCode: 2, output: 'x' });
  const lines: string[] = [];
  const following = (async () => {
    for await (const { text } of runtime.logs('c', { follow: true, signal })) lines.push(text);
  })();
  runtime.print('c', 'bye');
  runtime.exit('c', { code: 3 });
  await following;
  expect(lines).toEqual(['hello', 'bye']);
  expect(runtime.calls).toEqual(['create c', 'start c', 'signal c TERM', 'exec c a b']);
});

test('an exec is like cat, and ends with its container; who is attached hears what is printed', async () => {
  const { signal } = new AbortController();
  const runtime = new FakeRuntime();
  await runtime.create(request('c'), signal);
  await runtime.start('c');
  const exec = { argv: ['cat'], terminal: false, openStdin: true, privileged: false };
  const cat = await runtime.startExec('c', exec, signal);
  await cat.write(Buffer.from('meow'));
  await cat.closeInput();
  expect(await cat.exited).toEqual({ exitCode: 0 });
  const chunks: string[] = [];
  for await (const { data } of cat.output) chunks.push(data.toString());
  expect(chunks).toEqual(['meow']);
  const left = await runtime.startExec('c', exec, signal);
  const attached = await runtime.attach('c', { stdin: false, signal });
  await expect(runtime.attach('c', { stdin: true, signal })).rejects.toMatchObject({ code: 'precondition' });
  await expect(runtime.resize('c', 1, 2)).rejects.toMatchObject({ code: 'precondition' });
  runtime.print('c', 'hello');
  runtime.exit('c');
  expect(await left.exited).toEqual({ exitCode: 137 });
  const heard: string[] = [];
  for await (const { data } of attached.output) heard.push(data.toString());
  expect(heard).toEqual(['hello\n']);
});
