import { beforeEach, expect, test } from 'vitest';
import { Refused, VirtualClock } from '../../base/src/index.js';
import type { FromManager, Hello } from '../../model/src/index.js';
import { aCluster, aNode } from '../../model/src/testing/index.js';
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
