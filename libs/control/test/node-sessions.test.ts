import { beforeEach, expect, test } from 'vitest';
import { Refused, VirtualClock } from '../../base/src/index.js';
import { createServiceChanges, type AssignedPeer, type FromManager, type Hello, type Task, type TaskStatus } from '../../model/src/index.js';
import { aCluster, aNetwork, aNode, aService, aTask, aTemplate } from '../../model/src/testing/index.js';
import { MemoryStore, type Store } from '../../store/src/index.js';
import { NodeSessions, type AgentEvents, type AgentStream } from '../src/index.js';

let clock: VirtualClock;
let memory: MemoryStore;
let sessions: NodeSessions;
let stop: AbortController;
let ended: Promise<unknown>;
/** Commits are answered when it is opened. */
let gate: Promise<void>;

/** An agent's end of a connection. */
class Agent implements AgentStream {
  readonly heard: FromManager[] = [];
  refusal: unknown;
  isOpen = true;
  readonly events: AgentEvents;

  constructor(nodeId = 'node-a') {
    this.events = sessions.serve(this, nodeId);
  }

  send(word: FromManager): boolean {
    this.heard.push(word);
    return true;
  }

  end(): void {
    this.isOpen = false;
  }

  fail(error: unknown): void {
    this.refusal = error;
    this.isOpen = false;
  }

  hello(): void {
    const hello: Hello = { clusterId: 'the-cluster', instanceId: 'i', bootId: 'b', epochSeen: 0, description: aNode().status.description!, advertiseAddress: '', dataPathAddress: '', encryptionKeys: [] };
    this.events.received({ kind: 'hello', hello });
  }
}

beforeEach(async () => {
  clock = new VirtualClock();
  memory = new MemoryStore({ clock });
  await memory.commit([
    { action: 'create', kind: 'cluster', object: aCluster() },
    { action: 'create', kind: 'node', object: aNode() },
  ]);
  gate = Promise.resolve();
  const store: Store = {
    view: () => memory.view(),
    commit: async (changes, signal) => {
      const revision = await memory.commit(changes, signal);
      await gate;
      return revision;
    },
    watch: (listener) => memory.watch(listener),
    fencedBy: () => store,
  };
  stop = new AbortController();
  sessions = new NodeSessions({ store, epoch: 3, openSecret: () => '', clock, trace: () => undefined });
  ended = sessions.run(stop.signal).catch((error: unknown) => error);
});

test('an agent is welcomed, then told everything', async () => {
  const agent = new Agent();
  agent.hello();
  await clock.advance(10);
  expect(agent.heard.map(({ kind, epoch }) => `${kind} ${epoch}`)).toEqual(['welcome 3', 'assignments 3']);
  expect(sessions.size).toBe(1);
});

test('an agent that says hello while the office is being lost is sent to the next leader', async () => {
  let open = (): void => undefined;
  gate = new Promise((resolve) => (open = resolve));
  const agent = new Agent();
  agent.hello();
  await clock.advance(10);
  stop.abort(new Refused('precondition', 'no longer leading'));
  await ended;
  open();
  await clock.advance(10);
  expect(agent.isOpen).toBe(false);
  expect(String(agent.refusal)).toContain('no longer leads');
  expect(sessions.size).toBe(0);
});

test('an agent that is gone before it was welcomed leaves no session behind', async () => {
  let open = (): void => undefined;
  gate = new Promise((resolve) => (open = resolve));
  const agent = new Agent();
  agent.hello();
  await clock.advance(10);
  agent.events.closed();
  open();
  await clock.advance(10);
  expect(sessions.size).toBe(0);
});

/** What the agent was sent last. */
function versionOf(agent: Agent): number {
  const last = agent.heard.findLast(({ kind }) => kind === 'assignments');
  return last?.kind === 'assignments' ? last.assignments.version : 0;
}

const agreed = () => memory.view().cluster?.status?.agreedRevision;

async function endTask(): Promise<number> {
  await memory.commit([{ action: 'create', kind: 'task', object: aTask({ state: 'running', nodeId: 'node-a', networks: [{ networkId: 'n', address: '10.9.0.2', aliases: [] }] }) }]);
  await memory.commit([{ action: 'create', kind: 'node', object: aNode({ id: 'node-c', index: 3, status: { state: 'down', dataPathAddress: '192.0.2.9' } }) }]);
  await memory.commit([{ action: 'remove', kind: 'task', id: 'task-1' }, { action: 'remove', kind: 'node', id: 'node-c' }]);
  return memory.view().revision;
}

test('that an address was given up is agreed on when the networks of all nodes that live show it', async () => {
  await memory.commit([{ action: 'create', kind: 'node', object: aNode({ id: 'node-b', index: 2 }) }]);
  const agents = [new Agent('node-a'), new Agent('node-b')];
  for (const agent of agents) agent.hello();
  await clock.advance(100);
  expect(agreed()).toBeUndefined();
  for (const agent of agents) agent.events.received({ kind: 'applied', version: versionOf(agent) });
  await clock.advance(6_000);
  expect(agreed()).toBeDefined();
  const after = await endTask();
  await memory.commit([{ action: 'create', kind: 'node', object: aNode({ id: 'news', index: 20, status: { state: 'down', dataPathAddress: '192.0.2.7' } }) }]);
  await clock.advance(100);
  agents[0]!.events.received({ kind: 'applied', version: versionOf(agents[0]!) });
  await clock.advance(1_000);
  expect(agreed()).toBeLessThan(after);
  agents[1]!.events.received({ kind: 'applied', version: versionOf(agents[1]!) });
  await clock.advance(100);
  expect(agreed()).toBeGreaterThanOrEqual(after);
});

test('a node that lives and never agrees is waited for no longer than the cap', async () => {
  const agent = new Agent();
  agent.hello();
  await clock.advance(100);
  agent.events.received({ kind: 'applied', version: versionOf(agent) });
  await clock.advance(6_000);
  const after = await endTask();
  await memory.commit([{ action: 'create', kind: 'node', object: aNode({ id: 'news', index: 20, status: { state: 'down', dataPathAddress: '192.0.2.7' } }) }]);
  for (let second = 0; second < 29; second++) {
    await clock.advance(1_000);
    agent.events.received({ kind: 'beat', sequence: second });
  }
  expect(agreed()).toBeLessThan(after);
  for (let second = 0; second < 8; second++) {
    await clock.advance(1_000);
    agent.events.received({ kind: 'beat', sequence: second });
  }
  expect(agreed()).toBeGreaterThanOrEqual(after);
});

/** What the agent was told last that is wanted of a task. */
function wantedOf(agent: Agent, taskId: string): string | undefined {
  const items = agent.heard.flatMap((word) => (word.kind === 'assignments' ? word.assignments.put : []));
  const last = items.findLast(({ kind, key }) => kind === 'task' && key === taskId);
  return last?.kind === 'task' ? last.value.desiredState : undefined;
}

test('a serving task is not told to stop before a node that has just lost its service has applied that', async () => {
  const { spec } = aService({ spec: { template: aTemplate({ networks: [{ target: 'net', aliases: [] }] }) } });
  const serving = (slot: number, nodeId: string): Task => aTask({ slot, nodeId, state: 'running', networks: [{ networkId: 'net', address: `10.9.0.${slot + 1}`, aliases: [] }] });
  const goes = serving(1, 'node-a');
  const falls = serving(2, 'node-b');
  await memory.commit([
    { action: 'create', kind: 'node', object: aNode({ id: 'node-b', index: 2 }) },
    { action: 'create', kind: 'network', object: aNetwork({ id: 'net', allocation: { subnets: [{ subnet: '10.9.0.0/24', gateway: '10.9.0.1' }], vni: 4097 } }) },
    ...createServiceChanges('web', spec),
    { action: 'create', kind: 'task', object: goes },
    { action: 'create', kind: 'task', object: falls },
  ]);
  const agents = [new Agent('node-a'), new Agent('node-b')] as const;
  const apply = (agent: Agent) => agent.events.received({ kind: 'applied', version: versionOf(agent) });
  for (const agent of agents) agent.hello();
  await clock.advance(100);
  agents.forEach(apply);
  await memory.commit([
    { action: 'update', kind: 'task', object: { ...memory.view().get('task', goes.id)!, desiredState: 'shutdown' } },
    { action: 'status', kind: 'task', id: falls.id, actor: 'agent', status: { ...falls.status, state: 'failed' } },
  ]);
  await clock.advance(100);
  apply(agents[0]);
  await clock.advance(1_000);
  expect(wantedOf(agents[0], goes.id)).toBe('running');
  apply(agents[1]);
  await clock.advance(1_000);
  expect(wantedOf(agents[0], goes.id)).toBe('shutdown');
});

test('the keys of a node reach all nodes: those of its hello, and those that come later', async () => {
  const agent = new Agent();
  agent.hello();
  await clock.advance(100);
  const keys = [{ slot: 1, publicKey: 'new', port: 51_821 }];
  agent.events.received({ kind: 'encryption-keys', keys });
  await clock.advance(100);
  const told = agent.heard.flatMap((word) => (word.kind === 'assignments' ? word.assignments.put : [])).filter(({ kind }) => kind === 'peer');
  expect(told.map(({ value }) => (value as AssignedPeer).encryptionKeys)).toEqual([undefined, keys]);
});

test("what an agent notices of its node's network stands with the node, and is not written again while it stays the same", async () => {
  const agent = new Agent();
  agent.hello();
  await clock.advance(100);
  const notice = { takenPorts: ['8080/tcp by nginx (pid 12)'], drift: 2, lastDrift: ['route: 10.0.0.5/32'] };
  agent.events.received({ kind: 'network-notice', notice });
  await clock.advance(100);
  const { revision } = memory.view();
  expect([...memory.view().all('node')].map(({ status }) => status.network)).toContainEqual(notice);
  agent.events.received({ kind: 'network-notice', notice: { ...notice } });
  await clock.advance(100);
  expect(memory.view().revision).toBe(revision);
});

test('a report and the full inventory after it are stored one after the other, and hold up nobody', async () => {
  const status = (state: TaskStatus['state']): TaskStatus => ({ state, timestamp: '2024-01-01T00:00:05.000000000Z', message: state, error: '' });
  await memory.commit([
    { action: 'create', kind: 'node', object: aNode({ id: 'node-b', index: 2 }) },
    { action: 'create', kind: 'task', object: aTask({ id: 'ends', slot: 1, nodeId: 'node-a', state: 'running' }) },
    { action: 'create', kind: 'task', object: aTask({ id: 'starts', slot: 2, nodeId: 'node-b', state: 'starting' }) },
  ]);
  const agents = [new Agent('node-a'), new Agent('node-b')] as const;
  for (const agent of agents) agent.hello();
  await clock.advance(100);
  agents[0].events.received({ kind: 'statuses', reports: [{ taskId: 'ends', status: status('complete') }], full: false });
  agents[0].events.received({ kind: 'statuses', reports: [], full: true });
  agents[1].events.received({ kind: 'statuses', reports: [{ taskId: 'starts', status: status('running') }], full: false });
  await clock.advance(1_000);
  expect(['ends', 'starts'].map((id) => memory.view().get('task', id)!.status.state)).toEqual(['complete', 'running']);
});
