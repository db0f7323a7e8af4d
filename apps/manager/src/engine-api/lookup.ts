import { ApiError } from '../http/api-error.js';
import type { ClusterView, Config, Network, Node, Secret, Service, Task } from '../../../../libs/model/src/index.js';
import { taskName } from '../../../../libs/model/src/index.js';

/**
 * The object that a path names: by full id, else by exact name, else by the unique beginning of an id. In this order,
 * as Docker has it. Throws 404 and, for a beginning that several have, 400.
 */
export function findService(view: ClusterView, reference: string): Service {
  return view.get('service', reference) ?? view.named('service', reference) ?? byPrefix('service', reference, view.all('service'));
}

export function findNetwork(view: ClusterView, reference: string): Network {
  return view.get('network', reference) ?? view.named('network', reference) ?? byPrefix('network', reference, view.all('network'));
}

export function findSecret(view: ClusterView, reference: string): Secret {
  return view.get('secret', reference) ?? view.named('secret', reference) ?? byPrefix('secret', reference, view.all('secret'));
}

export function findConfig(view: ClusterView, reference: string): Config {
  return view.get('config', reference) ?? view.named('config', reference) ?? byPrefix('config', reference, view.all('config'));
}

export function findNode(view: ClusterView, reference: string): Node {
  const exact = view.get('node', reference);
  if (exact) return exact;
  const named = [...view.all('node')].filter((node) => node.status.description?.hostname === reference || node.spec.name === reference);
  return unique('node', reference, named) ?? byPrefix('node', reference, view.all('node'));
}

export function findTask(view: ClusterView, reference: string): Task {
  const exact = view.get('task', reference);
  if (exact) return exact;
  const named = [...view.all('task')].filter((task) => `${taskName(task)}.${task.id}` === reference);
  return unique('task', reference, named) ?? byPrefix('task', reference, view.all('task'));
}

function byPrefix<T extends { id: string }>(kind: string, reference: string, all: Iterable<T>): T {
  const matches = reference === '' ? [] : [...all].filter((object) => object.id.startsWith(reference));
  const found = unique(kind, reference, matches);
  if (!found) throw new ApiError(404, `${kind} ${reference} not found`);
  return found;
}

function unique<T>(kind: string, reference: string, matches: T[]): T | undefined {
  if (matches.length > 1) throw new ApiError(400, `${kind} ${reference} is ambiguous (${matches.length} matches found)`);
  return matches[0];
}
