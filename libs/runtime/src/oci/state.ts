import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, Refused } from '../../../base/src/index.js';
import type { OciSpec } from './spec.js';

/** What is kept of a container between two calls of the command line: `<root>/<id>/state.json`. */
export interface StoredContainer {
  version: 1;
  id: string;
  bundle: string;
  /** Of its first process; 0: it is being created. */
  pid: number;
  startTime: number;
  cgroupPath: string;
  /** Others were in its group before it, and may still be. */
  sharesGroup?: boolean;
  created: string;
  /** Its config.json as it was when it was created. */
  spec: OciSpec;
  /** Name of who created it. */
  owner: string;
}

const stateName = 'state.json';
export const startSocketName = 'start.sock';

/** The folder of all containers of one `--root`. */
export class StateStore {
  constructor(readonly root: string) {}

  directory(id: string): string {
    return join(this.root, id);
  }

  startSocket(id: string): string {
    return join(this.directory(id), startSocketName);
  }

  /** Takes the id: of two at once, one succeeds. */
  reserve(id: string): void {
    mkdirSync(this.root, { recursive: true, mode: 0o711 });
    try {
      mkdirSync(this.directory(id), { mode: 0o711 });
    } catch (error) {
      if (isErrno(error, 'EEXIST')) throw new Refused('already-exists', `container with given ID already exists: ${id}`);
      throw error;
    }
  }

  write(container: StoredContainer): void {
    const path = join(this.directory(container.id), stateName);
    writeFileSync(`${path}.new`, JSON.stringify(container), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  find(id: string): StoredContainer | undefined {
    try {
      return JSON.parse(readFileSync(join(this.directory(id), stateName), 'utf8')) as StoredContainer;
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    }
  }

  require(id: string): StoredContainer {
    const container = this.find(id);
    if (!container) throw new Refused('not-found', `container does not exist: ${id}`);
    return container;
  }

  list(): StoredContainer[] {
    if (!existsSync(this.root)) return [];
    return readdirSync(this.root).flatMap((id) => this.find(id) ?? []);
  }

  remove(id: string): void {
    rmSync(this.directory(id), { recursive: true, force: true });
  }
}
