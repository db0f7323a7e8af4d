import type { Random } from '../../base/src/index.js';
import type { Change, Problem, RegistryCredentials } from '../../model/src/index.js';
import type { FieldChange } from './field-changes.js';
import type { Contents } from './file-versions.js';

/** One object of the stack and what becomes of it, for people. */
export interface StackChange {
  action: 'create' | 'update' | 'unchanged' | 'remove';
  kind: 'network' | 'secret' | 'config' | 'service';
  /** As the stack calls it. */
  name: string;
  /** What is different, and what that does to tasks: `replicas 5 → 8; no task restarts`. */
  detail?: string;
  /** Of a changed object. */
  fields?: FieldChange[];
  /** Tasks of a changed service that are replaced; absent: none is, the change is made in place. */
  replacedTasks?: number;
}

/** The object of the file that a problem or note is about. */
export interface StackSubject {
  kind: 'network' | 'secret' | 'config' | 'service';
  name: string;
}

export type StackProblem = Problem & { subject: StackSubject };
export interface StackNote {
  message: string;
  subject: StackSubject;
}

export interface StackPlan {
  /** Nothing may be written while there are any. All of them, at once. */
  problems: StackProblem[];
  changes: StackChange[];
  /** One commit; empty when the cluster is as the file says. */
  writes: Change[];
  notes: StackNote[];
  /** What belongs to the stack, is not in the file, and stays, since only `prune` takes it away. */
  orphans: StackSubject[];
  serviceIds: string[];
  /** Of the stack after the writes. */
  revision: number;
}

export interface StackPlanOptions {
  /** Remove what belongs to the stack and is not in the file. */
  prune: boolean;
  random: Random;
  contents: Contents;
  /** Unix user who ran the client. */
  deployedBy?: string | undefined;
  /** The earlier revision that is deployed again. */
  rollbackTo?: number | undefined;
  /** By registry, for the services whose image is from there. */
  logins?: ReadonlyMap<string, RegistryCredentials>;
}
