import { Inject, Injectable } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../../../libs/base/src/index.js';
import type { ExecOperation } from '../../../../../libs/model/src/index.js';
import { ApiError } from '../../http/api-error.js';
import type { ContainerPlace, ContainerStream } from '../../http/container-streams.js';
import { CLOCK } from '../../http/tokens.js';

/** A process that was asked for, runs, or has ended. */
export interface Exec {
  readonly id: string;
  readonly place: ContainerPlace;
  operation: ExecOperation;
  readonly attach: { stdin: boolean; stdout: boolean; stderr: boolean };
  readonly detachKeys: string;
  state: 'created' | 'running' | 'ended';
  pid: number;
  exitCode: number | undefined;
  /** While it runs and somebody is at its other end. */
  stream: ContainerStream | undefined;
}

/** An exec that ended can be asked for its exit code for that long, as Docker keeps it. */
const keptMs = 5 * 60_000;
/** More than that are not kept waiting to be started: what is never started would pile up. */
const maxExecs = 2_000;

/** The execs of this manager. They live in memory: another manager, or the next start of this one, knows none of them. */
@Injectable()
export class Execs {
  readonly #execs = new Map<string, Exec>();

  constructor(@Inject(CLOCK) private readonly clock: Clock) {}

  create(place: ContainerPlace, operation: ExecOperation, attach: Exec['attach'], detachKeys: string): Exec {
    if (this.#execs.size >= maxExecs) this.#forgetOneUnused();
    const exec: Exec = { id: randomBytes(32).toString('hex'), place, operation, attach, detachKeys, state: 'created', pid: 0, exitCode: undefined, stream: undefined };
    this.#execs.set(exec.id, exec);
    return exec;
  }

  require(id: string): Exec {
    const exec = this.#execs.get(id);
    if (!exec) throw new ApiError(404, `No such exec instance: ${id}`);
    return exec;
  }

  /** It has begun. Throws 409 when it had before: an exec runs once. */
  begin(exec: Exec): void {
    if (exec.state !== 'created') throw new ApiError(409, `Error: Exec command ${exec.id} ${exec.state === 'running' ? 'is already running' : 'has already run'}`);
    exec.state = 'running';
  }

  end(exec: Exec, exitCode: number): void {
    exec.state = 'ended';
    exec.exitCode = exitCode;
    exec.stream = undefined;
    this.clock.after(keptMs, () => this.#execs.delete(exec.id));
  }

  #forgetOneUnused(): void {
    for (const exec of this.#execs.values()) {
      if (exec.state === 'running') continue;
      this.#execs.delete(exec.id);
      return;
    }
    throw new ApiError(503, `this manager runs ${maxExecs} commands in containers, which is the limit; end one`);
  }
}
