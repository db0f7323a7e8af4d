import type { ApiClient } from '../api-client/client.js';
import { ApiError } from '../api-client/errors.js';
import type { Service, ServiceSpec } from '../api-client/types.js';

/** Others may change the service at the same time, a deploy for example: then the change is made to what it is now. */
const attempts = 10;

/** Changes the spec of a service, as it is at that moment. Returns what the manager warns of. */
export async function changeService(api: ApiClient, service: Service, change: (spec: ServiceSpec) => ServiceSpec, headers: Record<string, string> = {}): Promise<string[]> {
  let current = service;
  for (let attempt = 1; ; attempt++) {
    try {
      const query = { version: current.Version?.Index, registryAuthFrom: 'spec' };
      const answer = await api.post<{ Warnings?: string[] | null } | undefined>(`/services/${service.ID}/update`, change(current.Spec), { query, headers });
      return answer?.Warnings ?? [];
    } catch (error) {
      if (!isOutOfSequence(error) || attempt === attempts) throw error;
      current = await api.get<Service>(`/services/${service.ID}`, { query: { insertDefaults: false } });
    }
  }
}

function isOutOfSequence(error: unknown): boolean {
  return error instanceof ApiError && /out of sequence/.test(error.message);
}
