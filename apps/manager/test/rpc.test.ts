import { Client, credentials, status as codes, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../../libs/base/src/index.js';
import { NodeSessions } from '../../../libs/control/src/index.js';
import { certificateDigest, createCa, createJoinToken, createRequest, createSealer, issueWithKey, type KeyPair } from '../../../libs/identity/src/index.js';
import { templateId, type Change } from '../../../libs/model/src/index.js';
import { aCluster, aNode, aService, aTask } from '../../../libs/model/src/testing/index.js';
import { MemoryStore } from '../../../libs/store/src/index.js';
import { dispatcherService, encodeTaskReport, managerServerName, nodeCaService, type AgentMessage, type IssueReply, type ManagerMessage } from '../../../libs/wire/src/index.js';
import { ContainerBroker } from '../src/dispatcher-rpc/container-broker.js';
import { LogBroker } from '../src/dispatcher-rpc/log-broker.js';
import { RpcServer } from '../src/dispatcher-rpc/rpc-server.js';
import { NodeCa } from '../src/identity/node-ca.js';

let ca: KeyPair;
let tokens: { worker: string; manager: string };
let store: MemoryStore;
let server: RpcServer;
let containerBroker: ContainerBroker;
let port = 0;
let stop: AbortController;
let running: Promise<void>;
const clients: Client[] = [];

beforeAll(async () => {
  ca = await createCa('test', systemClock);
  const digest = certificateDigest(ca.certificate);
  tokens = { worker: createJoinToken(digest), manager: createJoinToken(digest) };
});

beforeEach(async () => {
  store = new MemoryStore();
  await store.commit([{ action: 'create', kind: 'cluster', object: aCluster({ clusterId: 'c1', joinTokens: tokens }) }]);
  stop = new AbortController();
  const sessions = new NodeSessions({ store, epoch: 7, openSecret: ({ sealed }) => createSealer(Buffer.alloc(32)).open(sealed), clock: systemClock, trace: () => undefined });
  running = sessions.run(stop.signal).catch(() => undefined);
  containerBroker = new ContainerBroker({
    view: () => store.view(),
    send: (nodeId, word) => sessions.send(nodeId, word),
    silenceMs: (nodeId) => sessions.silenceMs(nodeId),
    epoch: () => 7,
    clock: systemClock,
    random: systemRandom,
  });
  server = new RpcServer({
    address: '127.0.0.1:0',
    clusterId: 'c1',
    caCertificate: ca.certificate,
    identity: await issueWithKey(ca, { nodeId: 'm1', role: 'manager', clusterId: 'c1' }, { dnsNames: [managerServerName], ipAddresses: [], clock: systemClock }),
    nodeCa: new NodeCa({ store: () => store, ca, clock: systemClock, random: systemRandom }),
    containerBroker,
    logBroker: new LogBroker(() => store.view(), () => false, systemRandom, () => 7),
    sessions: () => sessions,
  });
  port = await server.listen();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  stop.abort(new Error('the test has ended'));
  await running;
  server.close();
});

function connect(identity?: KeyPair): Client {
  const own = identity ? [Buffer.from(identity.key), Buffer.from(identity.certificate)] : [];
  const client = new Client(`127.0.0.1:${port}`, credentials.createSsl(Buffer.from(ca.certificate), ...own), {
    'grpc.ssl_target_name_override': managerServerName,
    'grpc.default_authority': managerServerName,
  });
  clients.push(client);
  return client;
}

async function join(token: string): Promise<{ reply: IssueReply; identity: KeyPair }> {
  const { key, request } = await createRequest();
  const { path, requestSerialize, responseDeserialize } = nodeCaService.issueCertificate;
  const reply = await new Promise<IssueReply>((resolve, reject) => {
    connect().makeUnaryRequest(path, requestSerialize, responseDeserialize, { token, csr: request }, (error, answer) => (error ? reject(error) : resolve(answer!)));
  });
  return { reply, identity: { key, certificate: reply.certificate ?? '' } };
}

/** A session and what came of it: messages as they arrive, or the error that ended it. */
class Session {
  readonly messages: ManagerMessage[] = [];
  readonly #stream: ClientDuplexStream<AgentMessage, ManagerMessage>;
  readonly ended: Promise<ServiceError | undefined>;
  #wake = (): void => undefined;

  constructor(client: Client) {
    const { path, requestSerialize, responseDeserialize } = dispatcherService.session;
    this.#stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.#stream.on('data', (message: ManagerMessage) => {
      this.messages.push(message);
      this.#wake();
    });
    this.ended = new Promise((resolve) => {
      this.#stream.on('error', resolve);
      this.#stream.on('end', () => resolve(undefined));
    });
  }

  send(message: AgentMessage): this {
    this.#stream.write(message);
    return this;
  }

  hello(): this {
    return this.send({ hello: { clusterId: 'c1', instanceId: 'i', description: { hostname: 'host' } } });
  }

  async until<T>(pick: (message: ManagerMessage) => T | undefined | null): Promise<T> {
    for (;;) {
      for (const message of this.messages) {
        const found = pick(message);
        if (found) return found;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

function taskOn(nodeId: string, id: string): Change[] {
  const service = aService({ id: `s-${id}` });
  return [
    { action: 'create', kind: 'service', object: service },
    { action: 'create', kind: 'template', object: { ...service, id: templateId(service.id, 1), template: service.spec.template } },
    { action: 'create', kind: 'task', object: aTask({ id, serviceId: `s-${id}`, nodeId, templateVersion: 1, desiredState: 'running', status: { state: 'assigned', timestamp: '', message: '', error: '' } }) },
  ];
}

/** The assignments of a message if they carry the task. */
function assignmentOf({ assignments }: ManagerMessage, taskId: string) {
  return assignments?.put?.some(({ key }) => key === taskId) ? assignments : undefined;
}

const runningReport = (taskId: string) => encodeTaskReport({ taskId, status: { state: 'running', timestamp: 't', message: 'started', error: '' } });

describe('joining', () => {
  it('with the worker token makes a node and gives it a certificate that opens a session', async () => {
    const { reply, identity } = await join(tokens.worker);
    expect(store.view().get('node', reply.nodeId!)).toMatchObject({ spec: { role: 'worker' }, index: 1, status: { address: '127.0.0.1' } });
    const welcome = await new Session(connect(identity)).hello().until((message) => message.welcome);
    expect(welcome).toMatchObject({ nodeId: reply.nodeId, nodeIndex: 1 });
    expect(store.view().get('node', reply.nodeId!)!.status).toMatchObject({ state: 'ready', description: { hostname: 'host' } });
  });

  it('with a token of another cluster is refused, and makes nothing', async () => {
    await expect(join(createJoinToken('0'.repeat(64)))).rejects.toMatchObject({ code: codes.PERMISSION_DENIED, details: expect.stringContaining('join token is not valid') });
    expect(store.view().count('node')).toBe(0);
  });
});

describe('a session', () => {
  it('needs a certificate', async () => {
    expect(await new Session(connect()).hello().ended).toMatchObject({ code: codes.UNAUTHENTICATED });
  });

  it('needs a certificate of this cluster', async () => {
    const stranger = await issueWithKey(ca, { nodeId: 'n1', role: 'worker', clusterId: 'other' }, { dnsNames: [], ipAddresses: [], clock: systemClock });
    expect(await new Session(connect(stranger)).hello().ended).toMatchObject({ code: codes.PERMISSION_DENIED });
  });

  it('is not opened for a certificate of another CA', async () => {
    const foreign = await issueWithKey(await createCa('foreign', systemClock), { nodeId: 'n1', role: 'manager', clusterId: 'c1' }, { dnsNames: [], ipAddresses: [], clock: systemClock });
    expect(await new Session(connect(foreign)).hello().ended).toMatchObject({ code: codes.UNAUTHENTICATED });
  });

  it('gets the whole set first, then only what changed, with the epoch on each', async () => {
    const { reply, identity } = await join(tokens.worker);
    await store.commit(taskOn(reply.nodeId!, 't1'));
    const session = new Session(connect(identity)).hello();
    const first = await session.until((message) => assignmentOf(message, 't1'));
    expect(first.complete).toBe(true);
    await store.commit(taskOn(reply.nodeId!, 't2'));
    const second = await session.until((message) => assignmentOf(message, 't2'));
    expect(second.complete).toBe(false);
    expect(second.put!.map(({ key }) => key)).not.toContain('t1');
    expect(session.messages.map(({ epoch }) => Number(epoch))).toEqual(session.messages.map(() => 7));
  });

  it('speaks only for tasks of its own node', async () => {
    const { reply, identity } = await join(tokens.worker);
    await store.commit([{ action: 'create', kind: 'node', object: aNode({ id: 'other', index: 2 }) }, ...taskOn(reply.nodeId!, 'mine'), ...taskOn('other', 'theirs')]);
    const session = new Session(connect(identity)).hello();
    await session.until((message) => message.welcome);
    const stored = new Promise<void>((resolve) => store.watch(() => store.view().get('task', 'mine')!.status.state === 'running' && resolve()));
    session.send({ statuses: { statuses: [runningReport('theirs'), runningReport('mine')] } });
    await stored;
    expect(store.view().get('task', 'theirs')!.status.state).toBe('assigned');
  });

  it('of a node that was removed is ended', async () => {
    const { reply, identity } = await join(tokens.worker);
    await store.commit([{ action: 'remove', kind: 'node', id: reply.nodeId! }]);
    const session = new Session(connect(identity)).hello();
    await session.ended;
    expect(session.messages).toEqual([]);
  });

  it('is replaced by a newer one of the same node', async () => {
    const { identity } = await join(tokens.worker);
    const older = new Session(connect(identity)).hello();
    await older.until((message) => message.welcome);
    const newer = new Session(connect(identity)).hello();
    await newer.until((message) => message.welcome);
    expect(await older.ended).toBeUndefined();
  });
});
