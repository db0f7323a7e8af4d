import * as fs from 'node:fs';
import { constants } from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import { Refused } from '../../base/src/index.js';
import { StreamReader } from '../../base/src/tar/byte-reader.js';
import { collect } from './digest.js';
import { LayerTree } from './layer-tree.js';
import { mknod, modeBlockDevice, modeCharDevice, modeFifo, setXattr } from './libc.js';
import type { TarHeader } from '../../base/src/tar/tar-header.js';
import { printable } from '../../base/src/tar/tar-header.js';
import type { TarEntry } from '../../base/src/tar/tar-reader.js';
import { tarEntries } from '../../base/src/tar/tar-reader.js';
import { whiteoutOf } from './whiteout.js';
import { writeFully } from './write-fully.js';

export interface UnpackLimits {
  /** Sum of all file sizes of one layer, holes included. */
  layerBytes: number;
  /** Entries of one layer. */
  layerEntries: number;
}

export const defaultUnpackLimits: UnpackLimits = { layerBytes: 64 * 1024 ** 3, layerEntries: 4_000_000 };

export interface UnpackedLayer {
  bytes: number;
  entries: number;
}

/** Metadata calls are short and made synchronously; after this long the event loop gets its turn. */
const breathAfterMs = 5;
const maxPathBytes = 4095; // PATH_MAX without its end

/**
 * Unpacks an uncompressed layer tar into `root`, which must exist and be empty, in the form overlayfs wants for a lower
 * directory. `root` is not usable after a failure. Throws `Refused('invalid')` for an archive that asks for what no layer may.
 */
export async function unpackLayer(
  source: AsyncIterable<Buffer>,
  root: string,
  options: { parentDirs: string[]; limits: UnpackLimits; signal: AbortSignal },
): Promise<UnpackedLayer> {
  return new Unpacker(new LayerTree(root, options.parentDirs), options.limits, options.signal).unpack(source);
}

class Unpacker {
  #bytes = 0;
  #entries = 0;
  #lastBreathMs = performance.now();
  /** Directory times are set last: every new entry changes its directory's. */
  readonly #directoryTimes = new Map<string, number>();
  readonly #whiteouts = new Set<string>();

  constructor(
    readonly tree: LayerTree,
    readonly limits: UnpackLimits,
    readonly signal: AbortSignal,
  ) {}

  async unpack(source: AsyncIterable<Buffer>): Promise<UnpackedLayer> {
    this.tree.inheritRoot();
    for await (const entry of tarEntries(new StreamReader(abortable(source, this.signal)))) {
      this.#count(entry.header);
      try {
        await this.#entry(entry);
      } catch (error) {
        throw explainFileSystem(error, entry.header.name);
      }
      if (performance.now() - this.#lastBreathMs > breathAfterMs) {
        await breathe();
        this.#lastBreathMs = performance.now();
      }
    }
    for (const [path, seconds] of this.#directoryTimes) {
      if (this.tree.stat(path)?.isDirectory()) fs.lutimesSync(this.tree.at(path), seconds, seconds);
    }
    return { bytes: this.#bytes, entries: this.#entries };
  }

  #count(header: TarHeader): void {
    this.#entries++;
    this.#bytes += header.sparse?.realSize ?? header.size;
    if (this.#entries > this.limits.layerEntries) throw new Refused('invalid', `a layer has more than ${this.limits.layerEntries} entries`);
    if (this.#bytes > this.limits.layerBytes) throw new Refused('invalid', `a layer unpacks to more than ${this.limits.layerBytes} bytes`);
  }

  async #entry(entry: TarEntry): Promise<void> {
    const path = cleanPath(entry.header.name, 'name', entry.header.name);
    const slash = path.lastIndexOf('/');
    const whiteout = whiteoutOf(path);
    if (whiteout.kind === 'leftover') return;
    if (path === '') return this.#rootEntry(entry.header);

    const parent = this.tree.directory(path.slice(0, Math.max(slash, 0)), true);
    if (whiteout.kind === 'opaque') return this.tree.markOpaque(parent);
    const target = join(parent, whiteout.kind === 'whiteout' ? whiteout.name : path.slice(slash + 1));
    if (whiteout.kind === 'whiteout') return this.#whiteout(target);
    await this.#create(entry, target);
  }

  #rootEntry(header: TarHeader): void {
    if (header.type !== 'directory') throw new Refused('invalid', 'a layer entry would replace the root directory');
    this.#attributes('', header);
  }

  /** Hides a name of the layers below; an entry of this layer hides it already, a directory only with the opaque mark. */
  #whiteout(target: string): void {
    const stat = this.tree.stat(target);
    if (stat?.isDirectory()) this.tree.markOpaque(target);
    else if (!stat) {
      mknod(this.tree.at(target), modeCharDevice, 0, 0);
      this.#whiteouts.add(target);
    }
  }

  async #create(entry: TarEntry, target: string): Promise<void> {
    const { header } = entry;
    const existing = this.tree.stat(target);
    const wasWhiteout = this.#whiteouts.delete(target);
    if (header.type === 'hard-link') return this.#hardLink(header, target, existing !== undefined);
    if (existing && !(existing.isDirectory() && header.type === 'directory')) await this.tree.remove(target);

    const at = this.tree.at(target);
    switch (header.type) {
      case 'directory':
        if (!existing?.isDirectory()) fs.mkdirSync(at, 0o700);
        if (wasWhiteout) this.tree.markOpaque(target);
        break;
      case 'file':
        await writeFile(at, entry);
        break;
      case 'symlink':
        fs.symlinkSync(Buffer.from(header.linkName, 'latin1'), at);
        break;
      case 'fifo':
        mknod(at, modeFifo | 0o600, 0, 0);
        break;
      case 'char-device':
      case 'block-device':
        if (header.type === 'char-device' && header.deviceMajor === 0 && header.deviceMinor === 0) {
          throw new Refused('invalid', `layer entry "${printable(header.name)}" is the device 0:0, overlayfs's mark for a deleted file`);
        }
        mknod(at, (header.type === 'char-device' ? modeCharDevice : modeBlockDevice) | 0o600, header.deviceMajor, header.deviceMinor);
        break;
    }
    this.#attributes(target, header);
  }

  /** The target must be in this layer already. The link shares its inode, so it gets no attributes of its own. */
  async #hardLink(header: TarHeader, target: string, exists: boolean): Promise<void> {
    const linkPath = cleanPath(header.linkName, 'hard link target', header.name);
    const slash = linkPath.lastIndexOf('/');
    const parent = this.tree.directory(linkPath.slice(0, Math.max(slash, 0)), false);
    const source = parent === undefined ? undefined : join(parent, linkPath.slice(slash + 1));
    const isFile = () => source !== undefined && this.tree.stat(source)?.isDirectory() === false && !this.#whiteouts.has(source);
    if (source === target && isFile()) return;
    if (exists && isFile()) await this.tree.remove(target); // which may have held the source
    if (source === undefined || !isFile()) {
      throw new Refused('invalid', `layer entry "${printable(header.name)}" is a hard link to "${printable(header.linkName)}", which is no file of the same layer`);
    }
    fs.linkSync(this.tree.at(source), this.tree.at(target)); // link(2) does not follow a symlink at the end
  }

  /** The order matters: chown takes setuid bits and capabilities away, so they come after it; times come last. */
  #attributes(path: string, header: TarHeader): void {
    const at = this.tree.at(path);
    fs.lchownSync(at, header.uid, header.gid);
    if (header.type !== 'symlink') fs.chmodSync(at, header.mode);
    for (const [name, value] of header.xattrs) {
      if (keepsXattr(name, header.type)) setXattr(at, name, Buffer.from(value, 'latin1'));
    }
    if (header.type === 'directory') this.#directoryTimes.set(path, header.mtimeSeconds);
    else fs.lutimesSync(at, header.mtimeSeconds, header.mtimeSeconds);
  }
}

async function* abortable(source: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    signal.throwIfAborted();
    yield chunk;
  }
}

/**
 * Capabilities and plain user attributes are content. Labels belong to the host that made the image, and overlayfs's own
 * marks would let an image hide or redirect files of other layers: they are left out.
 */
function keepsXattr(name: string, type: TarHeader['type']): boolean {
  if (name === 'security.capability') return type === 'file';
  return name.startsWith('user.') && !name.startsWith('user.overlay.') && (type === 'file' || type === 'directory');
}

/** `./a//b/` and `/a/b` are `a/b`. No layer needs `..` in a name. */
function cleanPath(name: string, what: string, entryName: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new Refused('invalid', `layer entry "${printable(entryName)}" has ".." in its ${what}`);
  const path = parts.join('/');
  if (path.length > maxPathBytes) throw new Refused('invalid', `layer entry "${printable(entryName)}" has a ${what} of more than ${maxPathBytes} bytes`);
  return path;
}

function join(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}

/**
 * A round trip through the thread pool costs more than writing a small file does, above all on a busy machine;
 * a large file could wait for the disk, so it is written without holding the event loop.
 */
const smallFileBytes = 64 * 1024;
const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

async function writeFile(at: Buffer, entry: TarEntry): Promise<void> {
  const { header, body } = entry;
  if (header.size <= smallFileBytes && !header.sparse) {
    const content = await collect(body, smallFileBytes, 'a small file');
    fs.writeFileSync(at, content, { flag: createFlags as unknown as string, mode: 0o600 });
    return;
  }
  const file = await fs.promises.open(at, createFlags, 0o600);
  try {
    if (header.sparse) await writePieces(file, body, header.sparse);
    else for await (const piece of body) await writeFully(file, piece, null);
  } finally {
    await file.close();
  }
}

async function writePieces(file: fs.promises.FileHandle, body: AsyncIterable<Buffer>, sparse: NonNullable<TarHeader['sparse']>): Promise<void> {
  const pieces = [...sparse.pieces];
  let written = 0; // of the first piece
  for await (let chunk of body) {
    while (chunk.length > 0) {
      while (pieces[0] && written === pieces[0].length) {
        pieces.shift();
        written = 0;
      }
      const piece = pieces[0];
      if (!piece) throw new Refused('invalid', 'a sparse tar entry has more content than its map');
      const part = chunk.subarray(0, piece.length - written);
      await writeFully(file, part, piece.offset + written);
      written += part.length;
      chunk = chunk.subarray(part.length);
    }
  }
  await file.truncate(sparse.realSize);
}

/** What the kernel refuses because of the entry itself is the image's fault. */
function explainFileSystem(error: unknown, name: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code !== 'ENAMETOOLONG' && code !== 'EINVAL' && code !== 'EILSEQ') return error;
  return new Refused('invalid', `layer entry "${printable(name)}" cannot be stored (${code})`, { cause: error });
}
