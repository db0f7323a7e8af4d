import { Client, credentials, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ContainerOperation, ExecOperation } from '../../../libs/model/src/index.js';
import { FakeRuntime } from '../../../libs/runtime/src/fake-runtime.js';
import { ExecRefused, type ContainerRequest } from '../../../libs/runtime/src/runtime.js';
import { channelOptions, dispatcherService, type ContainerInput, type ContainerOutput } from '../../../libs/wire/src/index.js';
import { Channel } from '../src/containers/channel.js';
import type { ContainerPorts } from '../src/containers/operations.js';
import { serveContainer } from '../src/containers/serve.js';
import type { FakeExec } from '../../../libs/runtime/src/fake-process.js';

/** Operations on a fake container, over real gRPC, with the manager in the test's place. */

type ManagerCall = ServerDuplexStream<ContainerOutput, ContainerInput>;
let server: Server;
let client: Client;
let runtime: FakeRuntime;
let served: Promise<void>;
let startExec: ((exec: FakeExec) => void) | undefined;

const exec: ExecOperation = { kind: 'exec', argv: ['x'], env: [], tty: false, stdin: true, privileged: false, detach: false, hangUp: false };

beforeEach(async () => {
  startExec = undefined;
  runtime = new FakeRuntime({ behave: () => ({ ...(startExec && { startExec }) }) });
  server = new Server(channelOptions);
});
afterEach(() => {
  client.close();
  server.forceShutdown();
});

/** Asks for the operation; what the agent says comes back message by message. */
async function ask(operation: ContainerOperation): Promise<{ call: ManagerCall; next: () => Promise<ContainerOutput | undefined> }> {
  await runtime.create({ id: 'c1', labels: {}, spec: {}, limits: {} } as unknown as ContainerRequest, new AbortController().signal);
  await runtime.start('c1');
  const called = new Promise<ManagerCall>((resolve) => server.addService(dispatcherService, { container: resolve }));
  const port = await new Promise<number>((resolve, reject) => server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))));
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), channelOptions);
  const { path, requestSerialize, responseDeserialize } = dispatcherService.container;
  const channel = new Channel(client.makeBidiStreamRequest<ContainerOutput, ContainerInput>(path, requestSerialize, responseDeserialize));
  const ports = { runtime, files: {}, images: {}, taskOf: () => undefined } as unknown as ContainerPorts;
  served = serveContainer(channel, { requestId: 'r1', containerId: 'c1', operation }, ports, () => undefined);
  const call = await called;
  call.on('error', () => undefined);
  const messages = call[Symbol.asyncIterator]() as AsyncIterator<ContainerOutput>;
  const next = async () => ((await messages.next()) as { value?: ContainerOutput }).value;
  expect((await next())?.open).toBe('r1');
  return { call, next };
}

const json = (bytes: Uint8Array | null | undefined): unknown => JSON.parse(Buffer.from(bytes ?? []).toString());

describe('exec', () => {
  it('hands input and output over, and ends with the exit code', async () => {
    const { call, next } = await ask(exec);
    expect(json((await next())?.started)).toEqual({ pid: expect.any(Number) });
    call.write({ data: Buffer.from('hello') });
    expect(Buffer.from((await next())!.stdout!).toString()).toBe('hello');
    call.write({ end: true });
    expect(json((await next())?.result)).toEqual({ exitCode: 0 });
    await served;
  });

  it('that cannot be run says why, as a shell would', async () => {
    startExec = () => {
      throw new ExecRefused(127, 'exec: "x": not found');
    };
    const { next } = await ask(exec);
    await next();
    expect(Buffer.from((await next())!.stderr!).toString()).toBe('exec: "x": not found\r\n');
    expect(json((await next())?.result)).toEqual({ exitCode: 127 });
  });

  it('is sent its signals, and its terminal its size', async () => {
    let size: number[] = [];
    startExec = (session) => (session.onResize = (...given) => (size = given));
    const { call, next } = await ask({ ...exec, tty: true });
    await next();
    call.write({ resize: { rows: 41, columns: 121 } });
    call.write({ signal: 'SIGINT' });
    expect(json((await next())?.result)).toEqual({ exitCode: 130 });
    expect(size).toEqual([41, 121]);
  });

  it('goes on unheard when its user has left', async () => {
    let session!: FakeExec;
    startExec = (given) => (session = given);
    const { call, next } = await ask(exec);
    await next();
    const heard = new Promise<void>((resolve) => (session.onInput = () => resolve()));
    call.write({ discard: true });
    call.write({ data: Buffer.from('after') }); // in order: the wish was heard when this arrives
    await heard;
    session.print('nobody hears this');
    session.exit(4);
    expect(json((await next())?.result)).toEqual({ exitCode: 4 });
  });

  it.each([
    [true, 129],
    [false, 0],
  ])('whose connection breaks is hung up on if it wants that (%s)', async (hangUp, exitCode) => {
    let ended!: Promise<{ exitCode: number }>;
    startExec = (given) => {
      const session = given as FakeExec & { exited: Promise<{ exitCode: number }> };
      ended = session.exited;
      session.onInputEnd = () => (hangUp ? undefined : session.exit(0));
    };
    const { call, next } = await ask({ ...exec, hangUp });
    await next();
    call.destroy(new Error('the manager is gone'));
    server.forceShutdown();
    expect(await ended).toEqual({ exitCode });
    await served;
  });
});

describe('an operation', () => {
  it('that the runtime refuses is told with its code', async () => {
    const { next } = await ask({ kind: 'unpause' });
    await next();
    expect((await next())?.failure).toMatchObject({ code: 'precondition', message: expect.stringContaining('running, not paused') });
  });

  it('stops a container by its signal, then by force', async () => {
    const { next } = await ask({ kind: 'stop', graceMs: 0 });
    await next();
    expect(json((await next())?.result)).toEqual({ stopped: true });
    expect(runtime.calls).toContain('signal c1 SIGTERM');
  });
});
