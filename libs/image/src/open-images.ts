import type { Trace } from '../../base/src/index.js';
import type { ImageEvent } from './events.js';
import { commitImage } from './commit.js';
import { ImageImporter } from './import.js';
import { ImageStore } from './image-store.js';
import type { Images } from './images.js';
import type { Platform } from './platform.js';
import { hostPlatform } from './platform.js';
import { ImagePuller } from './pull.js';
import type { PullerOptions } from './pull.js';
import { defaultPullerOptions } from './pull.js';
import { familiarReference, parseReference } from './reference.js';
import type { UnpackLimits } from './unpack.js';
import { defaultUnpackLimits } from './unpack.js';

export interface OpenImagesOptions extends Partial<PullerOptions> {
  /** Directory of the store, on a file system that can be a lower layer of overlayfs and has extended attributes. */
  stateDir: string;
  /** Which build of a multi-platform image is taken. Default: this machine's. */
  platform?: Platform;
  limits?: Partial<UnpackLimits>;
  trace?: Trace<ImageEvent>;
}

/** Opens the images of this node. Several processes may open the same directory. */
export async function openImages({ stateDir, platform, limits, trace = () => undefined, ...pulling }: OpenImagesOptions): Promise<Images> {
  const store = await ImageStore.open(stateDir, platform ?? hostPlatform(), { ...defaultUnpackLimits, ...limits }, trace);
  const puller = new ImagePuller(store, { ...defaultPullerOptions, ...pulling }, trace);
  const importer = new ImageImporter(store, trace);
  return {
    ensure: (reference, options) => puller.ensure(parseReference(reference), options),
    find: async (reference) => store.find(parseReference(reference)),
    list: () => listImages(store),
    importArchive: (path, options) => importer.import(path, options),
    commit: (request) => commitImage(store, request, trace),
  };
}

async function listImages(store: ImageStore): ReturnType<Images['list']> {
  const found: Awaited<ReturnType<Images['list']>> = [];
  for (const [text, record] of await store.references.all()) {
    const image = await store.load(record);
    if (image) found.push({ reference: familiarReference(parseReference(text)), image, sizeBytes: await store.sizeBytes(image) });
  }
  return found;
}
