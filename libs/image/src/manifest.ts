import { Refused } from '../../base/src/index.js';
import { isDigest } from './digest.js';
import type { Platform } from './platform.js';

/** What a manifest or index says about another blob (image-spec descriptor.md). */
export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: Partial<Platform>;
}

export interface Manifest {
  kind: 'manifest';
  config: Descriptor;
  layers: Descriptor[];
}

export interface Index {
  kind: 'index';
  manifests: Descriptor[];
}

export const indexMediaTypes = ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json'];
export const manifestMediaTypes = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'];
const configMediaTypes = ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json'];
const layerMediaType = /^application\/vnd\.(oci\.image\.layer\.(nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(foreign\.)?diff\.tar)([.+](gzip|zstd))?$/;

/** Registries cap manifests at this size too. */
export const maxManifestBytes = 4 * 1024 * 1024;
export const maxConfigBytes = 8 * 1024 * 1024;
const maxLayers = 500; // OVL_MAX_STACK: overlayfs cannot stack more

/** Reads a manifest or an index. `mediaType` is what the outside said, if it did. Throws `Refused('invalid' | 'unsupported')`. */
export function parseManifest(bytes: Buffer, mediaType?: string): Manifest | Index {
  const document = parseJsonObject(bytes, 'the manifest');
  const type = typeof document['mediaType'] === 'string' ? document['mediaType'] : mediaType;
  if (document['schemaVersion'] === 1) throw new Refused('unsupported', 'the manifest has the old schema 1; push the image again with a current client');
  if (document['schemaVersion'] !== 2) throw new Refused('invalid', 'the manifest has no schemaVersion 2');
  const isIndex = type !== undefined && indexMediaTypes.includes(type) ? true : type !== undefined && manifestMediaTypes.includes(type) ? false : Array.isArray(document['manifests']);
  if (isIndex) return { kind: 'index', manifests: descriptors(document['manifests'], 'manifests') };

  const config = descriptor(document['config'], 'config');
  if (!configMediaTypes.includes(config.mediaType)) throw new Refused('invalid', `it is not a container image: its config has the type "${config.mediaType}"`);
  const layers = descriptors(document['layers'], 'layers');
  if (layers.length > maxLayers) throw new Refused('invalid', `it has ${layers.length} layers; the kernel stacks at most ${maxLayers}`);
  const strange = layers.find((layer) => !layerMediaType.test(layer.mediaType));
  if (strange) throw new Refused('invalid', `layer ${strange.digest} has the unknown type "${strange.mediaType}"`);
  return { kind: 'manifest', config, layers };
}

export function parseJsonObject(bytes: Buffer, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new Refused('invalid', `${what} is not JSON`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Refused('invalid', `${what} is not a JSON object`);
  return value as Record<string, unknown>;
}

function descriptors(value: unknown, where: string): Descriptor[] {
  if (!Array.isArray(value)) throw new Refused('invalid', `the manifest has no list "${where}"`);
  return value.map((item, i) => descriptor(item, `${where}[${i}]`));
}

function descriptor(value: unknown, where: string): Descriptor {
  const item = (value ?? {}) as Partial<Descriptor>;
  if (!isDigest(item.digest)) throw new Refused('invalid', `the manifest's ${where} has no sha256 digest`);
  if (!Number.isSafeInteger(item.size) || item.size! < 0) throw new Refused('invalid', `the manifest's ${where} has no size`);
  return { ...item, mediaType: String(item.mediaType ?? ''), digest: item.digest, size: item.size! };
}
