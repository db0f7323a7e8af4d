import { timestamp } from '../../base/src/index.js';
import { taskName, type Change, type ClusterView, type Decide, type DecisionContext, type Task, type TaskNetwork } from '../../model/src/index.js';
import { AddressLoan, familyOfText } from './address-book.js';
import { attachmentsOf, familiesOf, type Attachment } from './attachments.js';
import { byCreationAndSlot } from './order.js';

/** Each new task gets its addresses in every network of its template and becomes `pending`, or says in its status what it lacks. */
export const allocateTasks: Decide = (view, context) => {
  const changes: Change[] = [];
  const sentences: string[] = [];
  const loan = new AddressLoan(view);
  for (const task of [...loan.book.waiting.values()].sort(byCreationAndSlot)) {
    const networks = networksFor(task, view, loan);
    if (typeof networks === 'string') {
      if (networks === task.status.error) continue;
      changes.push(explain(task, networks, context));
      sentences.push(`${taskName(task)} waits: ${networks}`);
    } else {
      changes.push(...allocate(task, networks, context));
      sentences.push(`${taskName(task)} gets ${networks.map(({ address }) => address).join(' and ') || 'no address'}`);
    }
  }
  loan.end();
  return { changes, sentences };
};

/** All of them or none: with a reason, nothing stays taken. */
function networksFor(task: Task, view: ClusterView, loan: AddressLoan): TaskNetwork[] | string {
  const template = view.templateOf(task);
  if (!template) return `template ${task.templateVersion} of service ${task.serviceName} is gone`;
  const attachments = attachmentsOf(view, template);
  if ('missing' in attachments) return `network ${attachments.missing} not found`;
  const mark = loan.mark;
  const networks: TaskNetwork[] = [];
  for (const attachment of attachments) {
    const addresses = addressesFor(task, attachment, view, loan);
    if (typeof addresses === 'string') {
      loan.takeBack(mark);
      return addresses;
    }
    const aliases = [...new Set([...attachment.aliases, task.serviceName])];
    const { network, macAddress } = attachment;
    networks.push(...addresses.map((address) => ({ networkId: network.id, address, aliases, ...(macAddress && { macAddress }) })));
  }
  return networks;
}

/** One address per family of the network: the one that was asked for, or a free one. */
function addressesFor(task: Task, { network, addresses }: Attachment, view: ClusterView, loan: AddressLoan): string[] | string {
  const result: string[] = [];
  for (const family of familiesOf(network)) {
    const wanted = addresses.find((address) => familyOfText(address) === family);
    const refusal = wanted === undefined ? undefined : loan.refusal(network, wanted);
    if (refusal !== undefined) return refusal;
    if (wanted !== undefined && !loan.claim(network.id, wanted, taskName(task))) {
      if (loan.isResting(network.id, wanted)) return `${wanted} in network ${network.spec.name} is free when all nodes have forgotten who had it`;
      return `${wanted} in network ${network.spec.name} is in use by ${loan.claimantOf(network.id, wanted) ?? holderOf(wanted, network.id, view)}`;
    }
    const address = wanted ?? loan.give(network.id, family);
    if (address === undefined) return loan.explain(network, family);
    result.push(address);
  }
  return result.length > 0 ? result : loan.explain(network, 4);
}

function holderOf(address: string, networkId: string, view: ClusterView): string {
  const has = (list: readonly { networkId: string; address: string }[]) => list.some((one) => one.networkId === networkId && one.address === address);
  for (const service of view.all('service')) if (has(service.status.virtualIps)) return `service ${service.spec.name}`;
  for (const task of view.all('task')) if (has(task.networks)) return taskName(task);
  return 'another task';
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
