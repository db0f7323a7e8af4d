import type { Exchange, Answer } from './stub-manager.js';

/** What one task of the stub cluster looks like at a given poll. */
export interface StubTask {
  ID: string;
  Slot?: number;
  state: string;
  desired?: string;
  err?: string;
  exitCode?: number;
}

/** The cluster at one moment: what `GET /services`, `/tasks` and `/nodes` answer. */
export interface Scene {
  replicas?: number;
  tasks: StubTask[];
  updateStatus?: { State: string; Message?: string };
}

/**
 * A service `demo_web` that goes through `scenes`, one per poll, and stays in the last.
 * Everything before the change (`change` = a request that is not a GET) is the first scene.
 */
export function stubCluster(scenes: Scene[], answer: (exchange: Exchange) => Answer | undefined = () => undefined) {
  let at = -1;
  let changed = false;
  return (exchange: Exchange): Answer | undefined => {
    const own = answer(exchange);
    if (exchange.method !== 'GET') changed = true;
    if (own) return own;
    const { path } = exchange;
    const isPoll = path.endsWith('/services') && exchange.query['status'] !== undefined && changed;
    if (isPoll) at++;
    const scene = scenes[Math.max(0, Math.min(at, scenes.length - 1))]!;
    if (path.endsWith('/services')) return { json: [serviceOf(scene)] };
    if (/\/services\/(demo_web|s1)$/.test(path)) return { json: serviceOf(scene) };
    if (path.endsWith('/tasks')) return { json: changed ? scene.tasks.map(taskOf) : [] };
    if (path.endsWith('/nodes')) return { json: [node] };
    if (path.endsWith('/nodes/n1')) return { json: node };
    if (path.endsWith('/update')) return { json: { Warnings: null } };
    return undefined;
  };
}

const node = { ID: 'n1', Spec: {}, Description: { Hostname: 'gamma' }, Status: { State: 'ready' } };

function serviceOf({ replicas = 1, updateStatus }: Scene): object {
  return {
    ID: 's1',
    Version: { Index: 7 },
    Spec: {
      Name: 'demo_web',
      Labels: { 'com.docker.stack.namespace': 'demo' },
      Mode: { Replicated: { Replicas: replicas } },
      TaskTemplate: { ContainerSpec: { Image: 'web:1', Env: ['A=1', 'B=2'] } },
    },
    UpdateStatus: updateStatus,
  };
}

function taskOf({ ID, Slot = 1, state, desired, err, exitCode }: StubTask, i: number): object {
  const ended = ['failed', 'rejected', 'complete', 'shutdown'].includes(state);
  return {
    ID,
    ServiceID: 's1',
    Slot,
    NodeID: 'n1',
    CreatedAt: `2026-01-01T00:00:${String(i).padStart(2, '0')}Z`,
    Spec: { ContainerSpec: { Image: 'web:1' } },
    DesiredState: desired ?? (ended ? 'shutdown' : 'running'),
    Status: { State: state, Err: err, ContainerStatus: exitCode === undefined ? undefined : { ContainerID: 'c1', ExitCode: exitCode } },
  };
}
