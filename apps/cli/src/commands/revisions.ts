import type { RecordedStack } from '../../../../libs/model/src/index.js';
import type { ApiClient } from '../api-client/client.js';

/** One deploy of a stack, as the manager tells of it. */
export interface Revision {
  revision: number;
  /** RFC 3339. */
  deployedAt: string;
  /** Empty when the client did not say. */
  deployedBy: string;
  rollbackTo?: number;
  services: { name: string; image: string }[];
}

/** Those that are kept, newest first. */
export function revisionsOf(api: ApiClient, stack: string): Promise<Revision[]> {
  return api.get<Revision[]>(`/shoal/v1/stacks/${encodeURIComponent(stack)}/revisions`);
}

/** What was deployed then. */
export async function specOf(api: ApiClient, stack: string, revision: number): Promise<RecordedStack> {
  const { spec } = await api.get<{ spec: RecordedStack }>(`/shoal/v1/stacks/${encodeURIComponent(stack)}/revisions/${revision}`);
  return spec;
}
