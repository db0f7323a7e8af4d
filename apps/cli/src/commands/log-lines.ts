import { StringDecoder } from 'node:string_decoder';
import type { ApiClient } from '../api-client/client.js';
import { isNotFound } from '../api-client/errors.js';
import type { Task } from '../api-client/types.js';
import { exitStatus, Failure } from '../exit-status.js';
import { resolveNames } from './print-tasks.js';

/** Whole lines, with their line ends, from pieces. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  lines(payload: Buffer): string[] {
    const pieces = (this.#rest + this.#decoder.write(payload)).split('\n');
    this.#rest = pieces.pop()!;
    return pieces.map((line) => `${line}\n`);
  }

  rest(): string {
    return this.#rest;
  }
}

export interface PrefixOptions {
  timestamps?: boolean;
  resolve: boolean;
  trunc: boolean;
  taskIds: boolean;
}

const keys = {
  node: 'com.docker.swarm.node.id',
  service: 'com.docker.swarm.service.id',
  task: 'com.docker.swarm.task.id',
};

/** Puts `web.1.31p7t7tgn3a7@nodec    | ` before a line, from the ids in its details. */
export class LinePrefixer {
  readonly #prefixes = new Map<string, Promise<string>>();

  constructor(
    readonly api: ApiClient,
    readonly options: PrefixOptions,
  ) {}

  /** `[time ]details text` → `[time ]prefix | text`. */
  async prefixed(line: string): Promise<string> {
    const parts = line.split(' ');
    const time = this.options.timestamps ? `${parts.shift() ?? ''} ` : '';
    const details = parts.shift() ?? '';
    let prefix = this.#prefixes.get(details);
    if (!prefix) this.#prefixes.set(details, (prefix = this.#prefix(details)));
    return `${time}${await prefix}    | ${parts.join(' ')}`;
  }

  async #prefix(details: string): Promise<string> {
    const pairs = new Map(details.split(',').map((pair) => pair.split('=').map(decodeURIComponent) as [string, string]));
    const [nodeId, serviceId, taskId] = [pairs.get(keys.node), pairs.get(keys.service), pairs.get(keys.task)];
    if (!nodeId || !serviceId || !taskId) {
      throw new Failure(exitStatus.failed, `the manager sent a log line without its task: ${details.slice(0, 80)}`);
    }
    const { resolve, trunc, taskIds } = this.options;
    const slot = await this.#slot(taskId);
    const names = resolve ? await resolveNames(this.api, [{ ServiceID: serviceId, NodeID: nodeId }]) : undefined;
    const id = taskIds ? `.${trunc ? taskId.slice(0, 12) : taskId}` : '';
    return `${names?.serviceName(serviceId) ?? serviceId}.${slot || nodeId}${id}@${names?.nodeName(nodeId) ?? nodeId}`;
  }

  /** 0 for a task without one, and for one that is no longer in the manager's books. */
  async #slot(taskId: string): Promise<number> {
    try {
      return (await this.api.get<Task>(`/tasks/${taskId}`)).Slot ?? 0;
    } catch (error) {
      if (isNotFound(error)) return 0;
      throw error;
    }
  }
}
