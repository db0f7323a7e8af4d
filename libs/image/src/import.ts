import type { Trace } from '../../base/src/index.js';
import { Refused } from '../../base/src/index.js';
import { openArchive } from './archive.js';
import type { ArchivedImage } from './archive-images.js';
import { imagesInArchive } from './archive-images.js';
import { withScratch } from './disk.js';
import type { ImageEvent } from './events.js';
import { explainArchive } from './explain.js';
import type { ImageStore } from './image-store.js';
import type { Reference } from './reference.js';
import { familiarReference, parseReference } from './reference.js';

/** Images from files: OCI archives, OCI layout folders, `docker save` tars, also compressed. */
export class ImageImporter {
  constructor(
    readonly store: ImageStore,
    readonly trace: Trace<ImageEvent>,
  ) {}

  async import(path: string, options: { reference?: string; signal: AbortSignal }): Promise<string[]> {
    const asked = options.reference === undefined ? undefined : parseReference(options.reference);
    try {
      return await withScratch(this.store.scratchDir, async (scratch) => {
        const images = await imagesInArchive(await openArchive(path, scratch, options.signal));
        const named = images.map((image) => ({ image, references: referencesFor(image, images.length, asked) }));
        const known: string[] = [];
        for (const { image, references } of named) known.push(...(await this.#add(path, image, references, options.signal)));
        return known;
      });
    } catch (error) {
      if (options.signal.aborted) throw error;
      throw explainArchive(path, error);
    }
  }

  async #add(path: string, image: ArchivedImage, references: Reference[], signal: AbortSignal): Promise<string[]> {
    const { record } = await this.store.add(image.root, image.source, { onProgress: () => undefined, signal });
    for (const reference of references) {
      await this.store.references.set(reference, record);
      this.trace({ event: 'image-imported', reference: familiarReference(reference), manifestDigest: record.manifestDigest, path });
    }
    return references.map(familiarReference);
  }
}

/** The name asked for, else those in the archive. Names are settled before anything is unpacked. */
function referencesFor(image: ArchivedImage, imageCount: number, asked: Reference | undefined): Reference[] {
  if (asked) {
    if (imageCount > 1) throw new Refused('invalid', `it holds ${imageCount} images, so one name for them is not enough`);
    if (asked.digest !== undefined) throw new Refused('invalid', 'an imported image is named by a tag, not by a digest');
    return [asked];
  }
  if (image.names.length === 0) throw new Refused('invalid', 'it does not say what its image is called: pass a name for it');
  return image.names.map(parseReference);
}
