import type { ApiClient } from '../api-client/client.js';
import type { Service, ServiceSpec } from '../api-client/types.js';

/** Replaces the spec of a service; refused when somebody else changed it since it was read. */
export async function postServiceUpdate(api: ApiClient, service: Service, spec: ServiceSpec, headers: Record<string, string> = {}): Promise<string[]> {
  const query = { version: service.Version?.Index, registryAuthFrom: 'spec' };
  const answer = await api.post<{ Warnings?: string[] | null } | undefined>(`/services/${service.ID}/update`, spec, { query, headers });
  return answer?.Warnings ?? [];
}
