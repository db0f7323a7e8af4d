import { Bug } from '../../../base/src/index.js';
import type { Kind, NamedKind, StatusKind, Task } from '../../../model/src/index.js';

/** The layout of docs/decisions/0001-etcd-key-layout.md. This file alone knows how keys look. */
export type ParsedKey =
  | { type: 'object'; kind: Exclude<Kind, 'task'>; id: string }
  | { type: 'status'; kind: Exclude<StatusKind, 'task'>; id: string }
  | { type: 'assigned'; nodeId: string }
  | { type: 'observed'; nodeId: string }
  | { type: 'pending'; serviceId: string; chunk: number }
  | { type: 'other' };

const objectKinds = ['cluster', 'node', 'service', 'template', 'network', 'secret', 'config', 'stack', 'stack-revision'] as const;
const slotsPerChunk = 256;

export class Keys {
  readonly leader: string;
  readonly beat: string;

  /** Every key starts with `prefix` and a slash. */
  constructor(readonly prefix: string) {
    if (!/^(\/[A-Za-z0-9_-]+)+$/.test(prefix)) throw new Bug(`${prefix} is not a key prefix such as /v1`);
    this.leader = `${prefix}/leader`;
    this.beat = `${prefix}/leader-beat`;
  }

  /** Rewritten by every transaction of one writer: tells whether a transaction of unknown outcome was applied. */
  writer(writerId: string): string {
    return `${this.prefix}/writer/${writerId}`;
  }

  object(kind: Kind, id: string): string {
    if (kind === 'task') throw new Bug('tasks are packed; they have no key of their own');
    return `${this.prefix}/${kind}/${id}`;
  }

  status(kind: Kind, id: string): string {
    return `${this.prefix}/status/${kind}/${id}`;
  }

  name(kind: NamedKind, name: string): string {
    return `${this.prefix}/name/${kind}/${name}`;
  }

  /** Desired halves of the tasks of one node. */
  assigned(nodeId: string): string {
    return `${this.prefix}/as/${nodeId}`;
  }

  /** Observed halves of the tasks of one node. */
  observed(nodeId: string): string {
    return `${this.prefix}/st/${nodeId}`;
  }

  /** Tasks without a node, both halves. */
  pending(serviceId: string, chunk: number): string {
    return `${this.prefix}/pend/${serviceId}/${chunk}`;
  }

  parse(key: string): ParsedKey {
    const [type = '', id = '', third = ''] = key.slice(this.prefix.length + 1).split('/');
    switch (type) {
      case 'as':
        return { type: 'assigned', nodeId: id };
      case 'st':
        return { type: 'observed', nodeId: id };
      case 'pend':
        return { type: 'pending', serviceId: id, chunk: Number(third) };
      case 'status':
        return id === 'cluster' || id === 'node' || id === 'service' ? { type: 'status', kind: id, id: third } : { type: 'other' };
      default: {
        const kind = objectKinds.find((candidate) => candidate === type);
        return kind ? { type: 'object', kind, id } : { type: 'other' };
      }
    }
  }
}

export function chunkOf(task: Pick<Task, 'slot'>): number {
  return Math.floor(task.slot / slotsPerChunk);
}
