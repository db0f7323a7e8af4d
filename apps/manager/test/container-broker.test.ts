import { Client, credentials, Server, ServerCredentials, type ClientDuplexStream } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom, systemClock } from '../../../libs/base/src/index.js';
import type { ContainerOperationRequest } from '../../../libs/model/src/index.js';
import { aNode } from '../../../libs/model/src/testing/index.js';
import { MemoryStore } from '../../../libs/store/src/index.js';
import { channelOptions, dispatcherService, type ContainerInput, type ContainerOutput } from '../../../libs/wire/src/index.js';
import { ContainerBroker, type ContainerCall } from '../src/dispatcher-rpc/container-broker.js';

/** The broker over real gRPC, with an agent made of a few lines. */

type AgentCall = ClientDuplexStream<ContainerOutput, ContainerInput>;
let server: Server;
let client: Client;
let broker: ContainerBroker;
/** What the agent does when it is asked; absent: it is not connected. */
let agent: ((request: ContainerOperationRequest, open: (requestId?: string) => AgentCall) => void) | undefined;
/** The node that the calls come from. */
let callerId = 'n1';

const place = { nodeId: 'n1', containerId: 'c1' };
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const signal = () => AbortSignal.timeout(20_000);

beforeEach(async () => {
  const store = new MemoryStore();
  await store.commit([{ action: 'create', kind: 'node', object: aNode({ id: 'n1', index: 1, description: { hostname: 'worker-1' } }) }]);
  agent = undefined;
  callerId = 'n1';
  broker = new ContainerBroker({
    view: () => store.view(),
    send: (_nodeId, word) => {
      if (!agent || word.kind !== 'container-request') return false;
      agent(word.request, (requestId = word.request.requestId) => {
        const { path, requestSerialize, responseDeserialize } = dispatcherService.container;
        const call: AgentCall = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
        call.on('error', () => undefined);
        call.write({ open: requestId });
        return call;
      });
      return true;
    },
    silenceMs: () => 32_000,
    epoch: () => 7,
    clock: systemClock,
    random: seededRandom(1),
  });
  server = new Server(channelOptions);
  server.addService(dispatcherService, { container: (call: ContainerCall) => void broker.receive(call, callerId) });
  const port = await new Promise<number>((resolve, reject) => server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))));
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), channelOptions);
});

afterEach(() => {
  client.close();
  server.forceShutdown();
});

async function textOf(output: AsyncIterable<{ data: Uint8Array }>): Promise<string> {
  let text = '';
  for await (const { data } of output) text += Buffer.from(data).toString();
  return text;
}

describe('an operation', () => {
  it('carries input and output, and ends with a result', async () => {
    agent = (request, open) => {
      expect(request).toMatchObject({ containerId: 'c1', operation: { kind: 'attach' } });
      const call = open();
      call.write({ started: json({ pid: 5 }) });
      call.on('data', ({ data, end }: ContainerInput) => {
        if (data) call.write({ stdout: data });
        if (!end) return;
        call.write({ result: json({ exitCode: 3 }) });
        call.end();
      });
    };
    const stream = await broker.open(place, { kind: 'attach', stdin: true, stdout: true, stderr: true }, signal());
    expect(stream.started).toEqual({ pid: 5 });
    await stream.write(Buffer.from('hello'));
    stream.endInput();
    expect(await textOf(stream.output)).toBe('hello');
    expect(stream.result).toEqual({ exitCode: 3 });
    stream.close();
  });

  it('that the agent refuses is refused with its words and its code', async () => {
    agent = (_request, open) => open().write({ failure: { code: 'precondition', message: 'it is paused' } });
    await expect(broker.open(place, { kind: 'pause' }, signal())).rejects.toMatchObject({ name: 'Refused', code: 'precondition', message: 'it is paused' });
  });

  it('on a node without a session says when that was last heard of', async () => {
    await expect(broker.open(place, { kind: 'pause' }, signal())).rejects.toMatchObject({
      name: 'Temporary',
      message: expect.stringMatching(/^node worker-1 is not connected to this manager: it was last heard of 32 s ago/),
    });
  });

  it('whose agent goes away in the middle breaks, and gives its place free', async () => {
    for (let i = 0; i < 250; i++) {
      agent = (_request, open) => {
        const call = open();
        call.write({ started: json({}) });
        call.on('data', () => call.cancel());
      };
      const stream = await broker.open(place, { kind: 'export' }, signal());
      await stream.write(Buffer.from('go away'));
      await expect(textOf(stream.output)).rejects.toMatchObject({ name: 'Temporary', message: 'the connection to node worker-1 broke' });
      stream.close();
    }
  });

  it('is refused when the node serves as many as it may', async () => {
    agent = (_request, open) => open().write({ started: json({}) });
    const open = await Promise.all(Array.from({ length: 200 }, () => broker.open(place, { kind: 'stats', follow: true, samples: 1 }, signal())));
    await expect(broker.open(place, { kind: 'pause' }, signal())).rejects.toMatchObject({ name: 'Temporary', message: expect.stringContaining('which is the limit') });
    open[0]!.close();
    const next = await broker.open(place, { kind: 'pause' }, signal());
    for (const stream of [...open, next]) stream.close();
  });

  it('is given up with its caller', async () => {
    agent = () => undefined; // never opens its stream
    const caller = new AbortController();
    const opening = broker.open(place, { kind: 'export' }, caller.signal);
    caller.abort(new Error('the client has gone'));
    await expect(opening).rejects.toThrow('the client has gone');
  });
});

describe('a stream', () => {
  it('of another node, or that nobody asked for, is ended and disturbs nobody', async () => {
    const strangersEnd = new Promise<void>((resolve) => {
      agent = (request, open) => {
        callerId = 'n2';
        const stranger = open(request.requestId);
        stranger.write({ started: json({ stranger: true }) });
        stranger.on('data', () => undefined);
        stranger.on('end', () => {
          callerId = 'n1';
          open().write({ started: json({ stranger: false }) });
          resolve();
        });
      };
    });
    const stream = await broker.open(place, { kind: 'export' }, signal());
    await strangersEnd;
    expect(stream.started).toEqual({ stranger: false });
    stream.close();
  });

  it('that is not read holds the agent up', async () => {
    let sent = 0;
    let writing: AgentCall;
    agent = (_request, open) => {
      writing = open();
      writing.write({ started: json({}) });
      const more = () => {
        if (sent >= 4000) return void writing.write({ result: json(null) });
        sent++;
        writing.write({ stdout: Buffer.alloc(16 * 1024) }, more);
      };
      more();
    };
    const stream = await broker.open(place, { kind: 'export' }, signal());
    // Until nothing moves any more: far less than the 64 MB that it wants to send.
    for (let before = -1; before !== sent; ) {
      before = sent;
      await systemClock.sleep(200);
    }
    expect(sent * 16).toBeLessThan(4096);
    let bytes = 0;
    for await (const { data } of stream.output) bytes += data.length;
    expect(bytes).toBe(4000 * 16 * 1024);
    stream.close();
  });
});
