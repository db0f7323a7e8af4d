import { Refused } from '../../base/src/index.js';
import type { CommitRequest, ImageConfig, Images, LocalImage, PullOptions } from './images.js';
import { canonicalReference, familiarReference, parseReference } from './reference.js';

export function fakeImageConfig(config: Partial<ImageConfig> = {}): ImageConfig {
  return { entrypoint: [], cmd: ['/bin/sh'], env: [], workingDir: '', user: '', exposedPorts: [], volumes: [], labels: {}, architecture: 'amd64', os: 'linux', ...config };
}

/** Images in memory, for the tests of others. */
export class FakeImages implements Images {
  /** Every reference that `ensure` had to pull, in order. */
  readonly pulled: string[] = [];
  readonly #local = new Map<string, LocalImage>();
  readonly #registry = new Map<string, LocalImage | Error>();

  /** Makes a reference known to the pretended registry; an error is thrown by each pull of it. */
  publish(reference: string, content: Partial<LocalImage> | Error = {}): void {
    const name = canonicalReference(parseReference(reference));
    this.#registry.set(name, content instanceof Error ? content : fakeImage(name, content));
  }

  async ensure(reference: string, options: PullOptions): Promise<LocalImage> {
    options.signal.throwIfAborted();
    const name = canonicalReference(parseReference(reference));
    const local = this.#local.get(name);
    if (local && !options.always) return local;
    this.pulled.push(familiarReference(parseReference(reference)));
    const found = this.#registry.get(name);
    if (found instanceof Error) throw found;
    if (!found) throw new Refused('not-found', `image ${reference} cannot be pulled from registry ${parseReference(reference).registry}: it is not there; check its name and tag`);
    options.onProgress?.({ layersDone: found.layerDirs.length, layersTotal: found.layerDirs.length, bytesDone: 1, bytesTotal: 1 });
    this.#local.set(name, found);
    return found;
  }

  async find(reference: string): Promise<LocalImage | undefined> {
    return this.#local.get(canonicalReference(parseReference(reference)));
  }

  async list(): ReturnType<Images['list']> {
    return [...this.#local].map(([reference, image]) => ({ reference: familiarReference(parseReference(reference)), image, sizeBytes: 1 }));
  }

  /** Takes the layer, and makes an image of the base's configuration. */
  async commit(request: CommitRequest): Promise<LocalImage> {
    request.signal.throwIfAborted();
    for await (const chunk of request.layer) void chunk;
    const base = [...this.#local.values()].find(({ manifestDigest }) => manifestDigest === request.base.manifestDigest);
    if (!base) throw new Refused('not-found', `no such image: ${request.base.manifestDigest}`);
    const name = request.reference === undefined ? `commit-${request.createdAtMs}` : canonicalReference(parseReference(request.reference));
    const image = fakeImage(name, { config: base.config });
    this.#local.set(name, image);
    return image;
  }

  /** Pretends that the file holds one image with the name given. */
  async importArchive(path: string, options: { reference?: string; signal: AbortSignal }): Promise<string[]> {
    options.signal.throwIfAborted();
    if (options.reference === undefined) throw new Refused('invalid', `images cannot be imported from ${path}: the fake needs a name`);
    const name = canonicalReference(parseReference(options.reference));
    this.#local.set(name, fakeImage(name, {}));
    return [familiarReference(parseReference(options.reference))];
  }
}

function fakeImage(name: string, content: Partial<LocalImage>): LocalImage {
  return { id: `sha256:id-of-${name}`, manifestDigest: `sha256:manifest-of-${name}`, layerDirs: [`/fake/layers/${name}`], config: fakeImageConfig(), ...content };
}
