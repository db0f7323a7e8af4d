import type { Clock, Random, Trace } from '../../../../libs/base/src/index.js';
import type { Sealing } from '../../../../libs/model/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import type { StackReader } from '../shoal-api/stack-reader.js';
import type { ContainerStreams } from './container-streams.js';
import type { HttpEvent } from './events.js';

/** What the HTTP side is given, by symbol: `main.ts` and the tests provide it, controllers inject it. */

/** `Store` of libs/store. */
export const STORE = Symbol('Store');
/** `Clock` of libs/base. */
export const CLOCK = Symbol('Clock');
/** `Random` of libs/base. */
export const RANDOM = Symbol('Random');
/** `Trace<HttpEvent>`. */
export const TRACE = Symbol('Trace');
export const SECRET_SEALER = Symbol('SecretSealer');
export const LOG_SOURCE = Symbol('LogSource');
/** `ContainerStreams`: operations on containers of any node. */
export const CONTAINER_STREAMS = Symbol('ContainerStreams');
export const MANAGER_INFO = Symbol('ManagerInfo');
/** `StackReader`: compose text → `StackSpec`. */
export const STACK_READER = Symbol('StackReader');

/** Encrypts secrets before they reach the store. */
export type SecretSealer = Sealing;

export interface LogOptions {
  follow: boolean;
  /** Newest lines per task; -1: all. */
  tail: number;
  sinceMs?: number;
  untilMs?: number;
  signal: AbortSignal;
}

export interface LogLine {
  taskId: string;
  stderr: boolean;
  /** RFC 3339 with nanoseconds. */
  timestamp: string;
  /** With its line break, if it had one. */
  text: string;
}

/** Where the lines of tasks come from. Ends when all is told, or with the signal. */
export interface LogSource {
  logs(taskIds: string[], options: LogOptions): AsyncIterable<LogLine>;
}

/** This manager, as it tells about itself. */
export interface ManagerInfo {
  nodeId: string;
  /** Of the software, e.g. `0.1.0`. */
  version: string;
  hostname: string;
  /** `host:port` that nodes dial. */
  address: string;
  stateDir: string;
}

export interface HttpProviders {
  store: Store;
  clock: Clock;
  random: Random;
  secretSealer: SecretSealer;
  logSource: LogSource;
  containerStreams: ContainerStreams;
  managerInfo: ManagerInfo;
  trace: Trace<HttpEvent>;
  /** Default: libs/compose. */
  stackReader?: StackReader;
}
