import type { Healthcheck, RegistryCredentials } from '../../model/src/index.js';

/** An image that is completely here: its layers are unpacked and verified. */
export interface LocalImage {
  /** Digest of the config blob: the image's identity on this node. */
  id: string;
  /** `sha256:…` of the manifest it came from. */
  manifestDigest: string;
  /** Directories for overlayfs, topmost last. Read-only and shared by all containers. */
  layerDirs: string[];
  config: ImageConfig;
}

/** What an image says about how to run it. Absent and empty mean the same. */
export interface ImageConfig {
  entrypoint: string[];
  cmd: string[];
  env: string[];
  workingDir: string;
  user: string;
  stopSignal?: string;
  shell?: string[];
  healthcheck?: Healthcheck;
  exposedPorts: string[];
  volumes: string[];
  labels: Record<string, string>;
  architecture: string;
  os: string;
}

export interface PullOptions {
  credentials?: RegistryCredentials;
  /** Pull even when the reference is known here: it may have moved. Default: only when absent. */
  always?: boolean;
  onProgress?: (progress: PullProgress) => void;
  signal: AbortSignal;
}

export interface PullProgress {
  layersDone: number;
  layersTotal: number;
  bytesDone: number;
  bytesTotal: number;
}

/** What `docker commit` makes an image of. */
export interface CommitRequest {
  /** The image that the container was made from. */
  base: Pick<LocalImage, 'manifestDigest'>;
  /** What the container has written, as an uncompressed OCI layer. Nothing written: no layer is added. */
  layer: AsyncIterable<Buffer>;
  /** Name of the new image. Absent: it is known by its digests only. */
  reference?: string;
  author?: string;
  message?: string;
  /** How the container was run, where that differs from the base: as in the OCI config (`Env`, `Cmd`, `User`…). */
  config?: Record<string, unknown>;
  /** Lines of a Dockerfile: `CMD ["/bin/sh"]`, `ENV a=b`, … Applied last. */
  changes?: string[];
  /** What ran, for the history. */
  createdBy?: string;
  createdAtMs: number;
  signal: AbortSignal;
}

/** The images of one node. */
export interface Images {
  /**
   * The image of a reference: from here, else from its registry.
   * Throws `Refused('not-found')` (no such image), `Refused('forbidden')` (401, 403), `Refused('invalid')` (garbage,
   * wrong digest), `Temporary` (5xx, connection, timeout). Messages name the image and the registry.
   */
  ensure(reference: string, options: PullOptions): Promise<LocalImage>;
  find(reference: string): Promise<LocalImage | undefined>;
  list(): Promise<{ reference: string; image: LocalImage; sizeBytes: number }[]>;
  /** Imports an OCI archive, an OCI layout folder, or a `docker save` tar. Returns the references that it made known. */
  importArchive(path: string, options: { reference?: string; signal: AbortSignal }): Promise<string[]>;
  /** Makes an image from a container. Throws `Refused('not-found')` when the base is no longer here, `Refused('invalid')` for a change that is none. */
  commit(request: CommitRequest): Promise<LocalImage>;
}
