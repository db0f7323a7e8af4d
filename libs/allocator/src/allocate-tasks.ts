import { timestamp } from '../../base/src/index.js';
import { isWanted, taskName, type Change, type ClusterView, type Decide, type DecisionContext, type Task, type TaskNetwork } from '../../model/src/index.js';
import { AddressBook } from './address-book.js';
import { attachmentsOf } from './attachments.js';
import { byCreationAndSlot } from './order.js';

/** Each new task gets an address in every network of its template and becomes `pending`, or says in its status what it lacks. */
export const allocateTasks: Decide = (view, context) => {
  const changes: Change[] = [];
  const sentences: string[] = [];
  const waiting = [...view.all('task')].filter((task) => task.status.state === 'new' && isWanted(task)).sort(byCreationAndSlot);
  if (waiting.length === 0) return { changes, sentences };
  const book = new AddressBook(view);
  for (const task of waiting) {
    const networks = networksFor(task, view, book);
    if (typeof networks === 'string') {
      if (networks === task.status.error) continue;
      changes.push(explain(task, networks, context));
      sentences.push(`${taskName(task)} waits: ${networks}`);
    } else {
      changes.push(...allocate(task, networks, context));
      sentences.push(`${taskName(task)} gets ${networks.map(({ address }) => address).join(' and ') || 'no address'}`);
    }
  }
  return { changes, sentences };
};

/** All of them or none: with a reason, nothing stays taken. */
function networksFor(task: Task, view: ClusterView, book: AddressBook): TaskNetwork[] | string {
  const template = view.templateOf(task);
  if (!template) return `template ${task.templateVersion} of service ${task.serviceName} is gone`;
  const attachments = attachmentsOf(view, template);
  if ('missing' in attachments) return `network ${attachments.missing} not found`;
  const networks: TaskNetwork[] = [];
  for (const { network, aliases } of attachments) {
    const address = book.give(network.id);
    if (address === undefined) {
      for (const given of networks) book.giveBack(given.networkId, given.address);
      return book.explain(network);
    }
    networks.push({ networkId: network.id, address, aliases: [...new Set([...aliases, task.serviceName])] });
  }
  return networks;
}

function allocate(task: Task, networks: TaskNetwork[], { nowMs }: DecisionContext): Change[] {
  const now = timestamp(nowMs);
  return [
    { action: 'update', kind: 'task', object: { ...task, networks, updatedAt: now }, expect: task.version },
    { action: 'status', kind: 'task', id: task.id, actor: 'allocator', status: { state: 'pending', timestamp: now, message: 'pending task scheduling', error: '' } },
  ];
}

function explain(task: Task, error: string, { nowMs }: DecisionContext): Change {
  return { action: 'status', kind: 'task', id: task.id, actor: 'allocator', status: { ...task.status, timestamp: timestamp(nowMs), error } };
}
