import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { TestEntry } from './tar-of.js';
import { tarOf } from './tar-of.js';

export interface Blob {
  mediaType: string;
  digest: string;
  size: number;
  bytes: Buffer;
}

/** One manifest with everything it refers to. */
export interface TestImage {
  manifest: Blob;
  config: Blob;
  layers: Blob[];
}

export function blobOf(bytes: Buffer, mediaType: string): Blob {
  return { mediaType, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, size: bytes.length, bytes };
}

export function jsonBlob(value: unknown, mediaType: string): Blob {
  return blobOf(Buffer.from(JSON.stringify(value)), mediaType);
}

export function descriptorOf({ mediaType, digest, size }: Blob) {
  return { mediaType, digest, size };
}

export function imageOf(layers: TestEntry[][], options: { config?: object; architecture?: string; compress?: (tar: Buffer) => Blob } = {}): TestImage {
  const compress = options.compress ?? ((tar) => blobOf(gzipSync(tar), 'application/vnd.oci.image.layer.v1.tar+gzip'));
  const tars = layers.map(tarOf);
  const blobs = tars.map(compress);
  const config = jsonBlob(
    {
      architecture: options.architecture ?? 'amd64',
      os: 'linux',
      config: options.config ?? { Cmd: ['/bin/true'] },
      rootfs: { type: 'layers', diff_ids: tars.map((tar) => blobOf(tar, '').digest) },
    },
    'application/vnd.oci.image.config.v1+json',
  );
  return { config, layers: blobs, manifest: manifestOf(config, blobs) };
}

export function manifestOf(config: Blob, layers: Blob[]): Blob {
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  return jsonBlob({ schemaVersion: 2, mediaType, config: descriptorOf(config), layers: layers.map(descriptorOf) }, mediaType);
}

export function indexOf(entries: { image: TestImage; platform: object }[]): Blob {
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  return jsonBlob({ schemaVersion: 2, mediaType, manifests: entries.map(({ image, platform }) => ({ ...descriptorOf(image.manifest), platform })) }, mediaType);
}
