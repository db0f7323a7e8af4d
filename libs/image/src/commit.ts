import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Trace } from '../../base/src/index.js';
import { Refused } from '../../base/src/index.js';
import { applyChanges } from './config-changes.js';
import type { ContentSource } from './content-source.js';
import { withScratch } from './disk.js';
import type { ImageEvent } from './events.js';
import type { ImageStore } from './image-store.js';
import type { CommitRequest, LocalImage } from './images.js';
import type { Descriptor } from './manifest.js';
import { parseJsonObject } from './manifest.js';
import { familiarReference, parseReference } from './reference.js';

/** A tar without entries: two empty blocks. */
const emptyTar = `sha256:${createHash('sha256').update(Buffer.alloc(1024)).digest('hex')}`;

interface NewLayer {
  descriptor: Descriptor;
  diffId: string;
}

type Json = Record<string, unknown>;

/** A container's layer on top of its image's, with a config of its own: an image of the same formats as its base. */
export async function commitImage(store: ImageStore, request: CommitRequest, trace: Trace<ImageEvent>): Promise<LocalImage> {
  const reference = request.reference === undefined ? undefined : parseReference(request.reference);
  if (reference?.digest !== undefined) throw new Refused('invalid', 'a new image is named by a tag, not by a digest');
  const base = await readBase(store, request.base.manifestDigest);
  const isDocker = base.manifest['mediaType'] === 'application/vnd.docker.distribution.manifest.v2+json';
  return withScratch(store.scratchDir, async (scratch) => {
    const layer = await writeLayer(request, scratch, isDocker ? 'application/vnd.docker.image.rootfs.diff.tar.gzip' : 'application/vnd.oci.image.layer.v1.tar+gzip');
    const added = layer.diffId === emptyTar ? undefined : layer;
    const config = Buffer.from(JSON.stringify(newConfig(base.config, added, request)));
    const manifest = Buffer.from(JSON.stringify(newManifest(base.manifest, config, added)));
    const { image, record } = await store.add(manifest, localSource(config, scratch), { onProgress: () => undefined, signal: request.signal });
    // No registry has it: kept as it is, for whoever saves or pushes the image.
    if (added) await store.blobs.adopt(added.descriptor.digest, scratch);
    if (reference) await store.references.set(reference, record);
    trace({ event: 'image-committed', reference: reference ? familiarReference(reference) : '', manifestDigest: record.manifestDigest });
    return image;
  });
}

async function readBase(store: ImageStore, manifestDigest: string): Promise<{ manifest: Json; config: Json }> {
  const manifestBytes = await store.blobs.get(manifestDigest);
  const manifest = manifestBytes && parseJsonObject(manifestBytes, 'the manifest');
  const configBytes = manifest && (await store.blobs.get((manifest['config'] as Descriptor).digest));
  if (!configBytes) throw new Refused('not-found', `the image that the container was made from is no longer here: ${manifestDigest}`);
  return { manifest, config: parseJsonObject(configBytes, 'the image config') };
}

/** Compresses into a file; both digests come out of the one pass. */
async function writeLayer({ layer, signal }: CommitRequest, path: string, mediaType: string): Promise<NewLayer> {
  const plain = createHash('sha256');
  const compressed = createHash('sha256');
  let size = 0;
  await pipeline(
    layer,
    async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        plain.update(chunk);
        yield chunk;
      }
    },
    createGzip(),
    async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        compressed.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    },
    createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true }),
    { signal },
  );
  return { diffId: `sha256:${plain.digest('hex')}`, descriptor: { mediaType, digest: `sha256:${compressed.digest('hex')}`, size } };
}

function newConfig(base: Json, layer: NewLayer | undefined, { config, changes, author, message, createdBy, createdAtMs }: CommitRequest): Json {
  const created = new Date(createdAtMs).toISOString();
  const { diff_ids: diffIds = [], ...rootfs } = (base['rootfs'] ?? {}) as { diff_ids?: string[] };
  const entry = { created, ...(createdBy ? { created_by: createdBy } : {}), ...(author ? { author } : {}), ...(message ? { comment: message } : {}), ...(layer ? {} : { empty_layer: true }) };
  const { container: _, container_config: __, ...kept } = base;
  return {
    ...kept,
    created,
    ...(author ? { author } : {}),
    config: applyChanges({ ...((base['config'] ?? {}) as Json), ...config }, changes ?? []),
    history: [...((base['history'] ?? []) as Json[]), entry],
    rootfs: { ...rootfs, type: 'layers', diff_ids: layer ? [...diffIds, layer.diffId] : diffIds },
  };
}

function newManifest(base: Json, config: Buffer, layer: NewLayer | undefined): Json {
  const digest = `sha256:${createHash('sha256').update(config).digest('hex')}`;
  const { annotations: _, subject: __, ...kept } = base; // they told of the base
  return { ...kept, config: { ...(base['config'] as Descriptor), digest, size: config.length }, layers: [...((base['layers'] ?? []) as Descriptor[]), ...(layer ? [layer.descriptor] : [])] };
}

/** All other layers are here, unpacked. */
function localSource(config: Buffer, path: string): ContentSource {
  return {
    document: async () => config,
    layer: async () => ({
      open: () => createReadStream(path) as AsyncIterable<Buffer>,
      discard: async () => undefined,
    }),
  };
}
