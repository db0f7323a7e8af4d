import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, Refused, sameJson, timestamp, type Clock } from '../../../base/src/index.js';
import { checkVolumeOptions, isMounted, mountVolume, unmountVolume, type VolumeOptions } from './volume-mount.js';

/** A volume of this node. */
export interface Volume {
  name: string;
  /** Of the driver `local`; empty: a folder. */
  options: VolumeOptions;
  labels: Record<string, string>;
  /** RFC 3339. */
  createdAt: string;
  /** Where its content is on the host. */
  mountPoint: string;
  anonymous: boolean;
}

/** What is asked of a volume: absent parts are as they are. */
export interface VolumeWish {
  name: string;
  driver?: string;
  options?: VolumeOptions;
  labels?: Record<string, string>;
  anonymous?: boolean;
}

const recordName = 'volume.json';
const dataName = '_data';
/** Of folders that are no volume yet, or no more: no volume's name begins so. */
const unfinishedPrefix = '.';
export const volumeNamePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/**
 * The named volumes of this node: a folder each, `_data` with the content and a record of what it is.
 *
 * 1. What a container uses is never removed. Who uses what, `users` says.
 * 2. One with options is mounted while a container uses it, and never deleted through its mount.
 * 3. It comes and goes in one step: half of one is never taken for a volume.
 */
export class Volumes {
  constructor(
    readonly directory: string,
    private readonly clock: Clock,
    /** Ids of the containers that use a volume. */
    private readonly users: (name: string) => string[],
  ) {}

  /** Finds a volume, or makes it. A volume's options never change: `Refused('precondition')` when other ones are asked for. */
  ensure(wish: VolumeWish): { volume: Volume; isNew: boolean } {
    const { name, driver = 'local', options = {} } = wish;
    if (!volumeNamePattern.test(name)) throw new Refused('invalid', `"${name}" is no volume name: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
    if (driver !== 'local') throw new Refused('unsupported', `volume ${name}: there is no volume driver "${driver}" on the nodes, only local`);
    checkVolumeOptions(name, options);
    const known = this.find(name);
    if (!known) return { volume: this.#make({ ...wish, options }), isNew: true };
    if (Object.keys(options).length > 0 && !sameJson(known.options, options)) {
      throw new Refused('precondition', `volume ${name} exists on this node with other options (${textOf(known.options)}, not ${textOf(options)}): remove it, or use another name`);
    }
    return { volume: known, isNew: false };
  }

  find(name: string): Volume | undefined {
    if (!volumeNamePattern.test(name) || !existsSync(this.#data(name))) return undefined;
    return { name, options: {}, labels: {}, anonymous: false, createdAt: timestamp(statSync(this.#data(name)).birthtimeMs), ...this.#record(name), mountPoint: this.#data(name) };
  }

  /** By name. */
  list(): Volume[] {
    if (!existsSync(this.directory)) return [];
    return readdirSync(this.directory).sort().flatMap((name) => this.find(name) ?? []);
  }

  usersOf(name: string): string[] {
    return this.users(name);
  }

  /** Before a container uses it: its content is at `mountPoint` then. */
  async mount({ name, options, mountPoint }: Volume): Promise<void> {
    if (Object.keys(options).length > 0 && !isMounted(mountPoint)) await mountVolume(name, mountPoint, options);
  }

  /** After a container has gone: what nobody uses any more is mounted no longer. */
  async release(name: string): Promise<void> {
    if (this.users(name).length === 0) await unmountVolume(this.#data(name));
  }

  /** `Refused('in-use')` while a container uses it; succeeds when it is gone already. */
  async remove(name: string): Promise<void> {
    const users = this.users(name);
    if (users.length > 0) throw new Refused('in-use', `remove ${name}: volume is in use - [${users.join(', ')}]`);
    const data = this.#data(name);
    await unmountVolume(data);
    if (isMounted(data)) throw new Refused('precondition', `remove ${name}: it is still mounted`);
    if (!existsSync(join(this.directory, name))) return;
    const gone = join(this.directory, `${unfinishedPrefix}gone-${name}`);
    renameSync(join(this.directory, name), gone);
    rmSync(gone, { recursive: true, force: true });
  }

  /** Takes away what an agent that was killed was just making or removing. Nobody else may be at it. */
  sweep(): void {
    if (!existsSync(this.directory)) return;
    for (const name of readdirSync(this.directory)) if (name.startsWith(unfinishedPrefix)) rmSync(join(this.directory, name), { recursive: true, force: true });
  }

  #make({ name, options = {}, labels = {}, anonymous = false }: VolumeWish): Volume {
    const made = join(this.directory, `${unfinishedPrefix}new-${name}`);
    const record = { options, labels, anonymous, createdAt: timestamp(this.clock.wallMs()) };
    rmSync(made, { recursive: true, force: true });
    mkdirSync(join(made, dataName), { recursive: true });
    chmodSync(join(made, dataName), 0o755);
    writeFileSync(join(made, recordName), JSON.stringify(record), { mode: 0o600 });
    renameSync(made, join(this.directory, name));
    return { name, ...record, mountPoint: this.#data(name) };
  }

  /** Empty: made by an agent that wrote none, or cut by a crash of the machine. */
  #record(name: string): Partial<Volume> {
    try {
      return JSON.parse(readFileSync(join(this.directory, name, recordName), 'utf8')) as Partial<Volume>;
    } catch (error) {
      if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return {};
      throw error;
    }
  }

  #data(name: string): string {
    return join(this.directory, name, dataName);
  }
}

function textOf(options: VolumeOptions): string {
  return Object.entries(options).map(([key, value]) => `${key}=${value}`).join(' ') || 'none';
}
