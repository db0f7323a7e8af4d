import { Refused } from '../../base/src/index.js';
import type { RegistryCredentials } from '../../model/src/index.js';
import type { Authorizer } from './authorization.js';
import { parseChallenge } from './authorization.js';
import { collect, digestOf, isDigest } from './digest.js';
import type { HttpResponse } from './http.js';
import { bodyBytes, sendHttp } from './http.js';
import { indexMediaTypes, manifestMediaTypes, maxManifestBytes } from './manifest.js';
import { NetworkFailure } from './network-failure.js';
import type { Endpoint } from './registry-endpoints.js';
import { refusalFor } from './registry-refusal.js';

/** All of them: registry 2.8 answers 404 for an OCI index when its type is not accepted. */
const acceptManifests = [...indexMediaTypes, ...manifestMediaTypes].join(', ');

export interface FetchedManifest {
  bytes: Buffer;
  digest: string;
  mediaType?: string;
}

/** One repository at one endpoint (distribution spec, pull). Every method makes one try. */
export class RegistryClient {
  constructor(
    readonly endpoint: Endpoint,
    readonly repository: string,
    readonly credentials: RegistryCredentials | undefined,
    readonly authorizer: Authorizer,
    readonly idleMs: number,
    /** The scheme that worked before, per host. Shared by all clients. */
    readonly workingSchemes: Map<string, 'https' | 'http'>,
  ) {}

  /** The digest of a tag without its manifest, or `undefined` if the registry does not tell. */
  async resolve(tag: string, signal: AbortSignal): Promise<string | undefined> {
    const { response } = await this.#send(`manifests/${tag}`, 'HEAD', { accept: acceptManifests }, signal);
    response.body.destroy();
    const digest = response.headers['docker-content-digest'];
    return response.status === 200 && isDigest(digest) ? digest : undefined;
  }

  /** By tag or digest. The bytes are verified against the digest asked for, or the one the registry announces. */
  async manifest(tagOrDigest: string, signal: AbortSignal): Promise<FetchedManifest> {
    const { response, url } = await this.#send(`manifests/${tagOrDigest}`, 'GET', { accept: acceptManifests }, signal);
    if (response.status !== 200) throw await refusalFor(response, url, this.endpoint.host, signal);
    const bytes = await collect(bodyBytes(response, url, signal), maxManifestBytes, 'the manifest');
    const digest = digestOf(bytes);
    const announced = response.headers['docker-content-digest'];
    const expected = isDigest(tagOrDigest) ? tagOrDigest : isDigest(announced) ? announced : digest;
    if (digest !== expected) throw new Refused('invalid', `the manifest has the wrong content: digest ${digest} where ${expected} was expected`);
    const mediaType = response.headers['content-type']?.split(';')[0]?.trim();
    return { bytes, digest, ...(mediaType ? { mediaType } : {}) };
  }

  /** The bytes of a blob from `offset` on, unverified; or from 0 when the registry cannot resume (see `start`). */
  async blob(digest: string, offset: number, signal: AbortSignal): Promise<{ start: number; bytes: AsyncIterable<Buffer> }> {
    const range: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const { response, url } = await this.#send(`blobs/${digest}`, 'GET', { 'accept-encoding': 'identity', ...range }, signal);
    if (response.status === 416 && offset > 0) {
      response.body.destroy();
      return this.blob(digest, 0, signal);
    }
    if (response.status !== 200 && response.status !== 206) throw await refusalFor(response, url, this.endpoint.host, signal);
    const start = response.status === 206 ? Number(/^bytes (\d+)-/.exec(response.headers['content-range'] ?? '')?.[1]) : 0;
    if (start !== 0 && start !== offset) {
      response.body.destroy();
      throw new NetworkFailure(`${this.endpoint.host} answers with another part of the layer than was asked for`);
    }
    return { start, bytes: bodyBytes(response, url, signal) };
  }

  /** Sends with the known authorization, and once more after a challenge. */
  async #send(path: string, method: 'GET' | 'HEAD', headers: Record<string, string>, signal: AbortSignal): Promise<{ response: HttpResponse; url: URL }> {
    const key = digestOf(Buffer.from(JSON.stringify([this.endpoint.host, this.repository, this.credentials ?? null]))); // keeps no password
    const known = this.authorizer.known(key);
    const first = await this.#sendAnyScheme(path, method, known ? { ...headers, authorization: known } : headers, signal);
    const challenge = first.response.headers['www-authenticate'];
    if (first.response.status !== 401 || challenge === undefined) return first;
    first.response.body.destroy();
    this.authorizer.forget(key);
    const insecure = first.url.protocol === 'http:' || this.endpoint.insecure;
    const scope = `repository:${this.repository}:pull`;
    const authorization = await this.authorizer.answer(key, parseChallenge(challenge), scope, this.credentials, { insecure, certificates: this.endpoint.certificates, idleMs: this.idleMs, signal });
    const second = await this.#sendAnyScheme(path, method, { ...headers, authorization }, signal);
    if (second.response.status === 401) this.authorizer.forget(key);
    return second;
  }

  /** An insecure registry may speak https or http; which one is found out once. */
  async #sendAnyScheme(path: string, method: 'GET' | 'HEAD', headers: Record<string, string>, signal: AbortSignal): Promise<{ response: HttpResponse; url: URL }> {
    const { host, schemes, insecure, certificates } = this.endpoint;
    const known = this.workingSchemes.get(host);
    const toTry = known && schemes.includes(known) ? [known] : schemes;
    for (const [i, scheme] of toTry.entries()) {
      const url = new URL(`${scheme}://${host}/v2/${this.repository}/${path}`);
      try {
        const response = await sendHttp({ url, method, headers, insecure, certificates, idleMs: this.idleMs, signal });
        this.workingSchemes.set(host, scheme);
        return { response, url };
      } catch (error) {
        if (!(error instanceof NetworkFailure) || i === toTry.length - 1) {
          if (error instanceof NetworkFailure) this.workingSchemes.delete(host);
          throw error;
        }
      }
    }
    throw new Refused('invalid', `there is no way to reach ${host}`);
  }
}
