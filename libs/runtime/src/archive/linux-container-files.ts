import { mkdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { KeyedSequencer, Refused } from '../../../base/src/index.js';
import type { IdMap } from '../container-config.js';
import { failureWords } from '../exit-words.js';
import { identityFiles } from '../launch-program.js';
import { ERRNO } from '../linux.js';
import type { Operation } from '../operations.js';
import { resolveUser } from '../users.js';
import type { Zygote } from '../zygote.js';
import { ChangeList } from './changes.js';
import type { ContainerFiles, PathChange, PathStat, WriteArchiveOptions } from './container-files.js';
import { S_IF, type FileEntry } from './entry.js';
import { dropRights, enterDead, enterImage, enterLive, findFilesPlan, readFilesPlan } from './files-plan.js';
import { FilesProcess, type FilesFailure } from './files-process.js';
import { baseName, containerPath } from './paths.js';
import { fileHeader, layerHeader, rootHeader, tarOf } from './tar-stream.js';
import { unpackInto } from './unpack.js';

/** Where a container's files are. */
export interface FilesPlace {
  /** Its folder, with the mount point and the plan. */
  directory: string;
  /** Its writable layer. */
  layer: string;
  /** Its first process, while it lives. */
  live?: { pid: number; startTime: number };
}

/**
 * Files of containers, handled by one short-lived shim per call. It stands in the container's mount namespace (of a container that has
 * ended: in one of its own, with root and volumes mounted anew), so no name can lead to the host, whatever is swapped meanwhile.
 */
export class LinuxContainerFiles implements ContainerFiles {
  readonly #sequencer = new KeyedSequencer();
  readonly #active = new Map<string, Set<AbortController>>();

  constructor(
    readonly zygote: Zygote,
    readonly find: (id: string) => Promise<FilesPlace>,
  ) {}

  async statPath(id: string, path: string, signal: AbortSignal): Promise<PathStat> {
    return (await this.#stat(id, containerPath(path), signal)).stat;
  }

  async readArchive(id: string, path: string, signal: AbortSignal): Promise<{ stat: PathStat; tar: AsyncIterable<Buffer> }> {
    const asked = containerPath(path);
    const { stat } = await this.#stat(id, asked, signal);
    const process = await this.#begin(id, await this.#enter(id), [...dropRights(), ['filesRead', asked, baseName(asked)]], asked, signal);
    return { stat, tar: tarOf(process, await this.#idMap(id), fileHeader) };
  }

  async writeArchive(id: string, path: string, tar: AsyncIterable<Buffer>, options: WriteArchiveOptions, signal: AbortSignal): Promise<void> {
    const asked = containerPath(path);
    // Two mounts never share one writable layer; in a container that lives there is only its own.
    await this.#sequencer.run(id, async () => {
      const forAll = options.copyUidGid ? await this.#owner(id, signal) : undefined;
      // One that has ended is mounted without its user namespace, and nobody runs in it again.
      const idMap = (await this.find(id)).live ? await this.#idMap(id) : undefined;
      const program: Operation[] = [...dropRights(), ['filesWrite', options.noOverwriteDirNonDir ? 1 : 0, asked]];
      const process = await this.#begin(id, await this.#enter(id, true), program, asked, signal);
      try {
        await unpackInto(process, asked, tar, { ...(forAll ? { forAll } : {}), ...(idMap ? { idMap } : {}) });
      } finally {
        process.close();
      }
    });
  }

  async changes(id: string, signal: AbortSignal): Promise<PathChange[]> {
    const { directory } = await this.find(id);
    const plan = readFilesPlan(directory);
    const process = await this.#begin(id, enterImage(plan, join(directory, 'rootfs')), [['filesLayer', plan.upperDir]], '/', signal);
    const changes = new ChangeList();
    for await (const message of process.messages()) if (message.kind === 'entry') changes.add(message.entry);
    return changes.sorted();
  }

  async exportRoot(id: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    const process = await this.#begin(id, await this.#enter(id), [['filesRoot']], '/', signal);
    return tarOf(process, await this.#idMap(id), rootHeader);
  }

  async writableLayer(id: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    const { directory } = await this.find(id);
    const plan = readFilesPlan(directory);
    const process = await this.#begin(id, enterImage(plan, join(directory, 'rootfs')), [['filesLayer', plan.upperDir]], '/', signal);
    return tarOf(process, plan.idMap, layerHeader);
  }

  /** Ends all that handles a container's files: it is about to go. */
  abandon(id: string): void {
    for (const controller of this.#active.get(id) ?? []) controller.abort(new Refused('not-found', `container ${id} was removed`));
    this.#active.delete(id);
  }

  async #stat(id: string, path: string, signal: AbortSignal): Promise<{ stat: PathStat; entry: FileEntry }> {
    const process = await this.#begin(id, await this.#enter(id), [...dropRights(), ['filesStat', path]], path, signal);
    let entry: FileEntry | undefined;
    for await (const message of process.messages()) if (message.kind === 'entry') entry = message.entry;
    if (!entry) throw new Refused('not-found', notFoundWords(id, path));
    return { stat: await this.#describe(id, path, entry, signal), entry };
  }

  async #describe(id: string, path: string, entry: FileEntry, signal: AbortSignal): Promise<PathStat> {
    const isLink = (entry.mode & S_IF.MT) === S_IF.LNK;
    const linkTarget = isLink ? Buffer.from(entry.link, 'latin1').toString('utf8') || (await this.#textOfLink(id, path, signal)) : '';
    return { name: baseName(path) || '/', size: entry.size, mode: entry.mode, mtime: timestampNs(entry.mtimeNs), linkTarget };
  }

  /** Of a link to nowhere: what its text says, from where it stands. */
  async #textOfLink(id: string, path: string, signal: AbortSignal): Promise<string> {
    const process = await this.#begin(id, await this.#enter(id), [...dropRights(), ['filesRead', path, 'link']], path, signal);
    for await (const message of process.messages()) if (message.kind === 'entry') return posix.resolve(posix.dirname(path), Buffer.from(message.entry.link, 'latin1').toString('utf8'));
    throw new Refused('not-found', notFoundWords(id, path));
  }

  async #owner(id: string, signal: AbortSignal): Promise<{ uid: number; gid: number } | undefined> {
    const { user } = readFilesPlan((await this.find(id)).directory);
    if (user === '') return undefined;
    const texts: string[] = [];
    const process = await this.#begin(id, await this.#enter(id), [...dropRights(), ...identityFiles, ['filesStat', '/']], '/', signal, (data) => texts.push(data.toString('utf8')));
    await process.done();
    return resolveUser(user, [], texts[0] ?? '', texts[1] ?? '');
  }

  async #idMap(id: string): Promise<IdMap | undefined> {
    return findFilesPlan((await this.find(id)).directory)?.idMap;
  }

  async #enter(id: string, toWrite = false): Promise<Operation[]> {
    const { directory, layer, live } = await this.find(id);
    if (live) return enterLive(live.pid, live.startTime, findFilesPlan(directory)?.idMap);
    const plan = readFilesPlan(directory);
    const workDir = join(layer, 'work-files');
    if (toWrite) mkdirSync(workDir, { recursive: true, mode: 0o700 });
    return enterDead(plan, join(directory, 'rootfs'), toWrite ? workDir : undefined);
  }

  async #begin(id: string, enter: readonly Operation[], work: readonly Operation[], path: string, signal: AbortSignal, onFile?: (data: Buffer) => void): Promise<FilesProcess> {
    const controller = new AbortController();
    const active = this.#active.get(id) ?? new Set();
    this.#active.set(id, active.add(controller));
    const connect: Zygote['connect'] = (listener) => this.zygote.connect({ ...listener, ...(onFile ? { file: (_errno: number, data: Buffer) => onFile(Buffer.from(data)) } : {}) });
    const forget = () => {
      active.delete(controller);
      if (active.size === 0 && this.#active.get(id) === active) this.#active.delete(id);
    };
    try {
      const process = await FilesProcess.begin(connect, [...enter, ...work], (failure) => explain(id, path, failure), AbortSignal.any([signal, controller.signal]));
      void process.ended.then(forget);
      return process;
    } catch (error) {
      forget();
      throw error;
    }
  }
}

function notFoundWords(id: string, path: string): string {
  return `Could not find the file ${path} in container ${id}`;
}

/** Docker's words where it has some. */
function explain(id: string, path: string, failure: FilesFailure): Error {
  const { errno, step, object } = failure;
  const isPath = step === 'open' && object === path;
  if (isPath && (errno === ERRNO.ENOENT || errno === ERRNO.ENOTDIR)) return new Refused('not-found', notFoundWords(id, path));
  if (step === 'open the directory' && object === path) {
    return errno === ERRNO.ENOTDIR ? new Refused('invalid', 'extraction point is not a directory') : new Refused('not-found', notFoundWords(id, path));
  }
  if (errno === ERRNO.EROFS) return new Refused('forbidden', `${object}: container rootfs or volume is marked read-only`);
  return new Refused(errno === 0 ? 'invalid' : 'precondition', failureWords(failure));
}

function timestampNs(mtimeNs: bigint): string {
  const fraction = ((mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = Number((mtimeNs - fraction) / 1_000_000_000n);
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(fraction).padStart(9, '0')}Z`;
}
