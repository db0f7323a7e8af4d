import { Refused } from '../../base/src/index.js';
import type { Archive } from './archive.js';
import { ArchiveSource } from './archive-source.js';
import type { ContentSource } from './content-source.js';
import { collect, digestOf, hexOf } from './digest.js';
import { parseImageConfig } from './image-config.js';
import type { Descriptor } from './manifest.js';
import { maxConfigBytes, maxManifestBytes, parseJsonObject, parseManifest } from './manifest.js';

/** One image inside an archive. */
export interface ArchivedImage {
  /** As the archive says; none when it does not. */
  names: string[];
  /** The index or manifest, exact bytes. */
  root: Buffer;
  source: ContentSource;
}

/** The images of an OCI layout or of a `docker save` archive; where both are present, the layout, as `docker load` does. */
export async function imagesInArchive(archive: Archive): Promise<ArchivedImage[]> {
  if (archive.has('index.json')) return layoutImages(archive);
  if (archive.has('manifest.json')) return savedImages(archive);
  throw new Refused('invalid', 'it is neither an OCI image layout nor a "docker save" archive: it has no index.json and no manifest.json');
}

async function layoutImages(archive: Archive): Promise<ArchivedImage[]> {
  const index = parseManifest(await collect(archive.open('index.json'), maxManifestBytes, 'index.json'));
  if (index.kind !== 'index') throw new Refused('invalid', 'its index.json is not an index');
  const source = new ArchiveSource(archive);
  const images: ArchivedImage[] = [];
  for (const descriptor of index.manifests) {
    const name = nameIn(descriptor.annotations ?? {});
    const root = await source.document(descriptor, maxManifestBytes);
    const same = images.find((image) => image.root.equals(root));
    if (same && name) same.names.push(name);
    else if (!same) images.push({ names: name ? [name] : [], root, source });
  }
  return images;
}

/** containerd and Docker write the full name into an annotation of their own; `ref.name` is often only a tag. */
function nameIn(annotations: Record<string, string>): string | undefined {
  const full = annotations['io.containerd.image.name'];
  if (full) return full;
  const name = annotations['org.opencontainers.image.ref.name'];
  return name !== undefined && /[/:]/.test(name) ? name : undefined;
}

interface SavedImage {
  Config: string;
  RepoTags: string[] | null;
  Layers: string[];
}

async function savedImages(archive: Archive): Promise<ArchivedImage[]> {
  const bytes = await collect(archive.open('manifest.json'), maxManifestBytes, 'manifest.json');
  const { list } = parseJsonObject(Buffer.concat([Buffer.from('{"list":'), bytes, Buffer.from('}')]), 'its manifest.json');
  if (!Array.isArray(list) || list.length === 0) throw new Refused('invalid', 'its manifest.json lists no image');
  return Promise.all(list.map((item) => savedImage(archive, item as SavedImage)));
}

/**
 * `docker save` has no manifest: one is made. Its layers are uncompressed, so the diff ids of the config are their
 * digests; a compressed one would not match and be refused.
 */
async function savedImage(archive: Archive, saved: SavedImage): Promise<ArchivedImage> {
  const members = [saved.Config, ...(saved.Layers ?? [])];
  const missing = members.find((name) => typeof name !== 'string' || !archive.has(name));
  if (missing !== undefined) throw new Refused('invalid', `its manifest.json names ${JSON.stringify(missing)}, which it does not have`);
  const config = await collect(archive.open(saved.Config), maxConfigBytes, saved.Config);
  const { diffIds } = parseImageConfig(config);
  if (diffIds.length !== saved.Layers.length) throw new Refused('invalid', `its manifest.json lists ${saved.Layers.length} layers but the config ${diffIds.length}`);

  const layers: Descriptor[] = [];
  const memberNames = new Map<string, string>();
  for (const [i, name] of saved.Layers.entries()) {
    layers.push({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: diffIds[i]!, size: await archive.sizeBytes(name) });
    memberNames.set(diffIds[i]!, name);
  }
  const configDescriptor = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length };
  memberNames.set(configDescriptor.digest, saved.Config);
  const root = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: configDescriptor, layers };
  return {
    names: saved.RepoTags ?? [],
    root: Buffer.from(JSON.stringify(root)),
    source: new ArchiveSource(archive, (descriptor) => memberNames.get(descriptor.digest) ?? `blobs/sha256/${hexOf(descriptor.digest)}`),
  };
}
