import { createHash } from 'node:crypto';
import { tar } from './tar.mjs';

const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
};

/** An OCI archive (a tar of an image layout, image-spec image-layout.md) of one image. Equal input gives equal bytes. */
export function ociArchive({ name, layers, config, architecture }) {
  const blobs = new Map();
  const add = (mediaType, content) => {
    const digest = digestOf(content);
    blobs.set(`blobs/sha256/${digest.slice('sha256:'.length)}`, content);
    return { mediaType, digest, size: content.length };
  };
  const layerDescriptors = layers.map((layer) => add(mediaTypes.layer, layer));
  const configDescriptor = add(
    mediaTypes.config,
    json({
      created: '1970-01-01T00:00:00Z',
      architecture,
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: layerDescriptors.map((layer) => layer.digest) },
      history: layers.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'deploy/images/build.mjs' })),
    }),
  );
  const manifest = add(mediaTypes.manifest, json({ schemaVersion: 2, mediaType: mediaTypes.manifest, config: configDescriptor, layers: layerDescriptors }));
  const annotations = { 'io.containerd.image.name': `docker.io/${name}`, 'org.opencontainers.image.ref.name': name };
  const index = json({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [{ ...manifest, annotations }] });

  const file = (path, content) => ({ name: path, type: 'file', mode: 0o644, content });
  const directory = (path) => ({ name: path, type: 'directory', mode: 0o755 });
  return tar([
    file('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
    file('index.json', index),
    directory('blobs/'),
    directory('blobs/sha256/'),
    ...[...blobs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, content]) => file(path, content)),
  ]);
}

function digestOf(content) {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

function json(value) {
  return Buffer.from(JSON.stringify(value));
}
