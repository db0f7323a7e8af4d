import type { Clock, Trace } from '../../base/src/index.js';
import type { RegistryCredentials } from '../../model/src/index.js';
import { Refused, Temporary, systemClock } from '../../base/src/index.js';
import { Authorizer } from './authorization.js';
import type { ImageEvent } from './events.js';
import { explainPull } from './explain.js';
import type { ImageStore } from './image-store.js';
import type { LocalImage, PullOptions, PullProgress } from './images.js';
import type { RetryPolicy } from './network-failure.js';
import { NetworkFailure, retryNetwork } from './network-failure.js';
import type { Reference } from './reference.js';
import { canonicalReference, familiarReference } from './reference.js';
import { RegistryClient } from './registry-client.js';
import type { EndpointOptions } from './registry-endpoints.js';
import { endpointsOf } from './registry-endpoints.js';
import { RegistrySource } from './registry-source.js';
import { SharedJobs } from './shared-jobs.js';

export interface PullerOptions extends EndpointOptions {
  clock: Clock;
  /** The longest silence of a registry that is waited through. */
  idleMs: number;
  /** The longest that one pull may take, retries included. */
  pullMs: number;
  retry: RetryPolicy;
}

export const defaultPullerOptions: PullerOptions = {
  insecureRegistries: [],
  mirrors: {},
  certificatesDir: '/etc/docker/certs.d',
  clock: systemClock,
  idleMs: 30_000,
  pullMs: 60 * 60_000,
  // Short: whoever deploys waits for the verdict, and a refused task is tried again anyway.
  retry: { attempts: 4, firstMs: 500, maxMs: 30_000 },
};

/** Images from registries. Equal pulls that run at the same time are one. */
export class ImagePuller {
  readonly #pulls = new SharedJobs<LocalImage, PullProgress>();
  readonly #authorizer: Authorizer;
  readonly #workingSchemes = new Map<string, 'https' | 'http'>();

  constructor(
    readonly store: ImageStore,
    readonly options: PullerOptions,
    readonly trace: Trace<ImageEvent>,
  ) {
    this.#authorizer = new Authorizer(options.clock);
  }

  async ensure(reference: Reference, options: PullOptions): Promise<LocalImage> {
    const known = await this.store.find(reference);
    // A digest cannot move, so there is nothing newer to look for.
    if (known && (!options.always || reference.digest !== undefined)) return known;
    const key = JSON.stringify([canonicalReference(reference), options.credentials ?? null]);
    try {
      return await this.#pulls.run(key, options.signal, (signal, emit) => this.#pull(reference, options.credentials, signal, emit), options.onProgress);
    } catch (error) {
      if (options.signal.aborted) throw error;
      throw explainPull(familiarReference(reference), reference.registry, error);
    }
  }

  async #pull(reference: Reference, credentials: RegistryCredentials | undefined, caller: AbortSignal, onProgress: (progress: PullProgress) => void): Promise<LocalImage> {
    const { clock, pullMs } = this.options;
    const startedMs = clock.monotonicMs();
    const text = familiarReference(reference);
    const deadline = new AbortController();
    const cancel = clock.after(pullMs, () => deadline.abort(new Temporary(`it is not finished after ${pullMs / 60_000} minutes`)));
    this.trace({ event: 'image-pull-started', reference: text, registry: reference.registry });
    try {
      const image = await this.#pullFromAny(reference, credentials, AbortSignal.any([caller, deadline.signal]), onProgress);
      this.trace({ event: 'image-pulled', reference: text, manifestDigest: image.manifestDigest, durationMs: clock.monotonicMs() - startedMs });
      return image;
    } finally {
      cancel();
    }
  }

  /** Mirrors are a help, not an authority: whatever goes wrong there, the next one and at last the registry is asked. */
  async #pullFromAny(reference: Reference, credentials: RegistryCredentials | undefined, signal: AbortSignal, onProgress: (progress: PullProgress) => void): Promise<LocalImage> {
    for (const endpoint of await endpointsOf(reference.registry, this.options)) {
      const login = endpoint.isMirror ? undefined : credentials;
      const client = new RegistryClient(endpoint, reference.repository, login, this.#authorizer, this.options.idleMs, this.#workingSchemes);
      try {
        return await this.#pullFrom(client, reference, signal, onProgress);
      } catch (error) {
        if (!endpoint.isMirror || signal.aborted) throw error;
        this.trace({ event: 'image-mirror-failed', reference: familiarReference(reference), mirror: endpoint.host, error: error as Error });
      }
    }
    throw new Refused('invalid', `registry ${reference.registry} has no address`);
  }

  async #pullFrom(client: RegistryClient, reference: Reference, signal: AbortSignal, onProgress: (progress: PullProgress) => void): Promise<LocalImage> {
    const retrying = {
      ...(client.endpoint.isMirror ? { ...this.options.retry, attempts: 1 } : this.options.retry),
      clock: this.options.clock,
      onRetry: (error: NetworkFailure, attempt: number, delayMs: number) =>
        this.trace({ event: 'image-pull-retried', reference: familiarReference(reference), registry: client.endpoint.host, attempt, delayMs, error }),
    };
    const unmoved = await retryNetwork(() => this.#unmoved(client, reference, signal), { ...retrying, signal });
    if (unmoved) return unmoved;
    const root = await retryNetwork(() => client.manifest(reference.digest ?? reference.tag!, signal), { ...retrying, signal });
    const source = new RegistrySource(client, this.store.scratchDir, retrying);
    const { image, record } = await this.store.add(root.bytes, source, { ...(root.mediaType ? { mediaType: root.mediaType } : {}), onProgress, signal });
    await this.store.references.set(reference, record);
    return image;
  }

  /** The image that we have, if the registry says that the tag still means it. A HEAD costs no pull quota. */
  async #unmoved(client: RegistryClient, reference: Reference, signal: AbortSignal): Promise<LocalImage | undefined> {
    const record = await this.store.references.find(reference);
    if (!record || reference.tag === undefined) return undefined;
    const digest = await client.resolve(reference.tag, signal);
    return digest === record.resolvedDigest ? this.store.load(record) : undefined;
  }
}
