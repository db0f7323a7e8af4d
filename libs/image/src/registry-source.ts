import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import * as fs from 'node:fs/promises';
import { Refused } from '../../base/src/index.js';
import type { ContentSource, FetchedLayer } from './content-source.js';
import { collect, verified } from './digest.js';
import { explainFullDisk, scratchPath } from './disk.js';
import type { Descriptor } from './manifest.js';
import { indexMediaTypes, manifestMediaTypes } from './manifest.js';
import type { Retrying } from './network-failure.js';
import { NetworkFailure, retryNetwork } from './network-failure.js';
import type { RegistryClient } from './registry-client.js';
import { writeFully } from './write-fully.js';

/** Blobs from a registry. Layers are downloaded to a scratch file and verified before anything is unpacked. */
export class RegistrySource implements ContentSource {
  constructor(
    readonly client: RegistryClient,
    readonly scratchDir: string,
    readonly retrying: Omit<Retrying, 'signal'>,
  ) {}

  document(descriptor: Descriptor, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
    return retryNetwork(
      async () => {
        if ([...indexMediaTypes, ...manifestMediaTypes].includes(descriptor.mediaType)) return (await this.client.manifest(descriptor.digest, signal)).bytes;
        const { bytes } = await this.client.blob(descriptor.digest, 0, signal);
        return collect(verified(bytes, descriptor, `blob ${descriptor.digest}`), maxBytes, `blob ${descriptor.digest}`);
      },
      { ...this.retrying, signal },
    );
  }

  async layer(descriptor: Descriptor, signal: AbortSignal, onBytes: (total: number) => void): Promise<FetchedLayer> {
    const { path, release } = scratchPath(this.scratchDir);
    const discard = async () => {
      await fs.rm(path, { force: true });
      release();
    };
    try {
      await this.#download(descriptor, path, signal, onBytes);
    } catch (error) {
      await discard();
      throw explainFullDisk(error, this.scratchDir);
    }
    return { open: () => createReadStream(path, { highWaterMark: 256 * 1024 }), discard };
  }

  /** Goes on where a broken connection stopped, as long as every try brings some bytes. */
  async #download(descriptor: Descriptor, path: string, signal: AbortSignal, onBytes: (total: number) => void): Promise<void> {
    const what = `layer ${descriptor.digest}`;
    const file = await fs.open(path, 'wx', 0o600);
    let hash = createHash('sha256');
    let received = 0;
    const once = async (progressed: () => void) => {
      const { start, bytes } = await this.client.blob(descriptor.digest, received, signal);
      if (start === 0) {
        hash = createHash('sha256');
        received = 0;
        await file.truncate(0);
      }
      for await (const chunk of bytes) {
        if (received + chunk.length > descriptor.size) throw new Refused('invalid', `${what} is longer than the ${descriptor.size} bytes announced`);
        hash.update(chunk);
        await writeFully(file, chunk, received);
        received += chunk.length;
        if (start > 0) progressed();
        onBytes(received);
      }
      if (received < descriptor.size) throw new NetworkFailure(`${what} ended after ${received} of ${descriptor.size} bytes`);
    };
    try {
      await retryNetwork(once, { ...this.retrying, signal });
    } finally {
      await file.close();
    }
    const actual = `sha256:${hash.digest('hex')}`;
    if (actual !== descriptor.digest) throw new Refused('invalid', `${what} has the wrong content: its digest is ${actual}`);
  }
}
