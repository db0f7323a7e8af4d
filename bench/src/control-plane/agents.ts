import { Client, credentials, type ClientDuplexStream } from '@grpc/grpc-js';
import { systemClock, systemRandom } from '../../../libs/base/src/index.js';
import { createRequest, issueForRequest, type KeyPair } from '../../../libs/identity/src/index.js';
import type { TaskReport, TaskState } from '../../../libs/model/src/index.js';
import { channelOptions, dispatcherService, encodeFromAgent, managerServerName, type AgentMessage, type ManagerMessage } from '../../../libs/wire/src/index.js';

/** What the process of the agents is told over its IPC channel, once. */
export interface AgentsOrder {
  manager: string;
  clusterId: string;
  ca: KeyPair;
  nodeIds: string[];
}

/** What it tells: every hundredth of a second at most, when something has changed. */
export interface AgentsNews {
  connected: number;
  /** Tasks that were reported as running and have not been taken away since. */
  running: number;
}

/** How many agents connect at once: as after the loss of a manager, they take their time. */
const connectingAtOnce = 50;
/** Agents gather what changes at the same moment. */
const gatherMs = 20;

/**
 * Simulated agents, each with a certificate, a connection and a session of its own. Their runtime is a mock: whatever is assigned runs
 * at once. They look at no more of an assignment than its key and its desired state: a real agent has a host for the rest.
 */
export async function runAgents(): Promise<void> {
  const order = await new Promise<AgentsOrder>((resolve) => process.once('message', resolve));
  const { key, request } = await createRequest();
  const counts: AgentsNews = { connected: 0, running: 0 };
  tellChanges(counts);
  const waiting = [...order.nodeIds];
  await Promise.all(
    Array.from({ length: connectingAtOnce }, async () => {
      for (let nodeId = waiting.pop(); nodeId !== undefined; nodeId = waiting.pop()) {
        const subject = { nodeId, role: 'worker', clusterId: order.clusterId } as const;
        const certificate = await issueForRequest(order.ca, subject, request, { dnsNames: [nodeId], ipAddresses: [], clock: systemClock });
        await new MockAgent(order, nodeId, { key, certificate }, counts).connect();
      }
    }),
  );
}

function tellChanges(counts: AgentsNews): void {
  let told = '';
  setInterval(() => {
    const now = JSON.stringify(counts);
    if (now === told) return;
    told = now;
    process.send!(counts);
  }, 10);
}

class MockAgent {
  #client!: Client;
  #stream!: ClientDuplexStream<AgentMessage, ManagerMessage>;
  readonly #states = new Map<string, { state: TaskState; timestamp: string }>();
  #changed: string[] = [];
  #version = 0;
  #beat: NodeJS.Timeout | undefined;
  #isConnected = false;

  constructor(
    private readonly order: AgentsOrder,
    private readonly nodeId: string,
    private readonly identity: KeyPair,
    private readonly counts: AgentsNews,
  ) {}

  /** Resolves when the manager has welcomed it; from then on it comes back by itself. */
  connect(): Promise<void> {
    const { order, identity } = this;
    this.#client = new Client(order.manager, credentials.createSsl(Buffer.from(order.ca.certificate), Buffer.from(identity.key), Buffer.from(identity.certificate)), {
      ...channelOptions,
      'grpc.ssl_target_name_override': managerServerName,
      'grpc.default_authority': managerServerName,
      // The defaults are for one client of many calls: here ten thousand have one each.
      'grpc.enable_retries': 0,
      'grpc.enable_channelz': 0,
      'grpc.use_local_subchannel_pool': 1,
    });
    const { path, requestSerialize, responseDeserialize } = dispatcherService.session;
    this.#stream = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    return new Promise((resolve) => {
      this.#stream.on('data', (message: ManagerMessage) => {
        if (message.welcome) {
          this.#isConnected = true;
          this.counts.connected++;
          this.#keepBeating(message.welcome.heartbeatPeriodMs ?? 5_000);
          resolve();
        }
        if (message.assignments) this.#obey(message.assignments);
      });
      this.#stream.on('error', () => this.#comeBack().then(resolve));
      this.#stream.on('end', () => this.#comeBack().then(resolve));
      this.#sayHello();
    });
  }

  #sayHello(): void {
    this.#stream.write(
      encodeFromAgent({
        kind: 'hello',
        hello: {
          clusterId: this.order.clusterId,
          instanceId: systemRandom.id(),
          bootId: 'boot',
          epochSeen: 0,
          description: { hostname: this.nodeId, os: 'linux', architecture: 'x86_64', nanoCpus: 64e9, memoryBytes: 256 * 2 ** 30, generic: [], engineVersion: '1', engineLabels: {}, kernelVersion: '6', osName: 'mock' },
          advertiseAddress: '',
          dataPathAddress: '',
          encryptionKeys: [],
        },
      }),
    );
    this.#report([...this.#states.keys()], true);
  }

  async #comeBack(): Promise<void> {
    if (this.#isConnected) this.counts.connected--;
    this.#isConnected = false;
    clearInterval(this.#beat);
    this.#client.close();
    await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 3_000));
    await this.connect();
  }

  #keepBeating(periodMs: number): void {
    let sequence = 0;
    this.#beat = setInterval(() => this.#stream.write(encodeFromAgent({ kind: 'beat', sequence: ++sequence })), periodMs * (0.9 + Math.random() * 0.2));
  }

  #obey({ complete, version, put, remove }: NonNullable<ManagerMessage['assignments']>): void {
    if (complete) {
      const kept = new Set(put?.map(({ key }) => key ?? ''));
      for (const id of this.#states.keys()) if (!kept.has(id)) this.#forget(id);
    }
    for (const { kind, key, value } of put ?? []) if (!kind) this.#wish(key ?? '', desiredState(value!));
    for (const { kind, key } of remove ?? []) if (!kind) this.#forget(key ?? '');
    this.#version = Number(version ?? 0);
  }

  #wish(id: string, desired: string): void {
    const state: TaskState = desired === 'running' || desired === 'complete' ? 'running' : desired === 'ready' ? 'ready' : 'shutdown';
    const before = this.#states.get(id)?.state;
    if (before === state) return;
    if (before === 'running') this.counts.running--;
    this.#states.set(id, { state, timestamp: new Date().toISOString() });
    if (this.#changed.length === 0) setTimeout(() => this.#flush(), gatherMs);
    this.#changed.push(id);
  }

  #forget(id: string): void {
    if (this.#states.get(id)?.state === 'running') this.counts.running--;
    this.#states.delete(id);
  }

  #flush(): void {
    const changed = this.#changed;
    this.#changed = [];
    this.#report(changed, false);
    this.counts.running += changed.filter((id) => this.#states.get(id)?.state === 'running').length;
    this.#stream.write(encodeFromAgent({ kind: 'applied', version: this.#version }));
  }

  #report(ids: readonly string[], full: boolean): void {
    const reports = ids.flatMap((taskId): TaskReport[] => {
      const known = this.#states.get(taskId);
      if (!known) return [];
      const { state, timestamp } = known;
      return [{ taskId, status: { state, timestamp, message: state === 'running' ? 'started' : state, error: '', container: { id: containerId(taskId), pid: 4242 } } }];
    });
    this.#stream.write(encodeFromAgent({ kind: 'statuses', reports, full }));
  }
}

/** 64 hexadecimal digits, as a real one has. */
function containerId(taskId: string): string {
  return Buffer.from(taskId).toString('hex').padEnd(64, '0').slice(0, 64);
}

const marker = Buffer.from('"desiredState":"');

/** Without reading the whole document. */
function desiredState(value: Uint8Array): string {
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const from = text.indexOf(marker) + marker.length;
  return text.toString('latin1', from, text.indexOf(0x22, from));
}
