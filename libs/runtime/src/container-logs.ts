import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Refused } from '../../base/src/index.js';
import { parseLogDriver } from '../../model/src/index.js';
import { compressRotated } from './log-compression.js';
import { jsonLogName, localLogName, planLog, type LogPlan } from './log-plan.js';
import { readLog } from './log-reader.js';
import { mergeEnvironment } from './process-plan.js';
import type { ContainerRequest, LogLine, LogOptions } from './runtime.js';
import { withServerAddress } from './log-server.js';

/** The logs of a node's containers: a folder each, which outlives the container. */
export class ContainerLogs {
  constructor(
    readonly directory: string,
    readonly journalSocket: string,
  ) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** What the shim is told. Refuses a driver or an option that is not here. Makes nothing. */
  async plan(request: ContainerRequest): Promise<LogPlan> {
    const { id, name, spec, image, labels } = request;
    const log = await withServerAddress(parseLogDriver(request.log.driver, request.log.options));
    const subject = {
      id,
      name,
      image: spec.image,
      command: [...(spec.command ?? image.entrypoint), ...(spec.args ?? image.cmd)],
      labels: { ...spec.labels, ...labels },
      env: mergeEnvironment(new Map(), [...image.env, ...spec.env]),
      hostname: hostname(),
    };
    return planLog(log, subject, { directory: this.#folder(id), journalSocket: this.journalSocket });
  }

  prepare(id: string): void {
    mkdirSync(this.#folder(id), { recursive: true, mode: 0o700 });
  }

  /** `kind`: of a container that is still known. */
  read(id: string, kind: LogPlan['kind'] | undefined, options: LogOptions, ended: () => Promise<void>): AsyncIterable<LogLine> {
    const elsewhere = elsewhereWords(kind, id);
    if (elsewhere !== undefined) throw new Refused('unsupported', elsewhere);
    const isLocal = kind === undefined ? this.#hasLocal(id) : kind === 'local';
    return readLog(join(this.#folder(id), isLocal ? localLogName : jsonLogName), options, ended);
  }

  /** Compresses what has been rotated; `replace` puts a twin in the place of its file. */
  async compress(id: string, replace: (inode: bigint, twin: string) => void): Promise<void> {
    for (const name of [jsonLogName, localLogName]) await compressRotated(join(this.#folder(id), name), replace);
  }

  remove(id: string): Promise<void> {
    return rm(this.#folder(id), { recursive: true, force: true });
  }

  /** Between two names of a rotation the log itself is not there, so its predecessors count too. */
  #hasLocal(id: string): boolean {
    return existsSync(this.#folder(id)) && readdirSync(this.#folder(id)).some((entry) => entry.startsWith(localLogName));
  }

  #folder(id: string): string {
    return join(this.directory, id);
  }
}

/** Where the output is when it is not in our files. */
function elsewhereWords(kind: LogPlan['kind'] | undefined, id: string): string | undefined {
  switch (kind) {
    case 'none':
      return 'its log driver is "none": the output is not kept';
    case 'syslog':
      return 'its log driver "syslog" does not support reading: look on the syslog server';
    case 'journald':
      return `its log driver "journald" does not support reading here: look on its node with journalctl CONTAINER_ID_FULL=${id}`;
    default:
      return undefined;
  }
}
