import type { ApiClient, RequestOptions } from './client.js';

/** A request line must stay below 16 KiB; an id takes some 40 bytes of it. */
const idsPerRequest = 200;

/** What a filter for many ids gives, in as many requests as it takes. No ids, no request. */
export async function listByIds<T>(api: ApiClient, path: string, key: string, ids: string[], options: RequestOptions = {}): Promise<T[]> {
  const found: T[] = [];
  for (let at = 0; at < ids.length; at += idsPerRequest) {
    const filters = { ...options.filters, [key]: ids.slice(at, at + idsPerRequest) };
    found.push(...((await api.get<T[] | null>(path, { ...options, filters })) ?? []));
  }
  return found;
}
