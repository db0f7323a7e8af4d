import type { RecordedStack } from '../../../../libs/model/src/index.js';
import type { ApiClient } from '../api-client/client.js';
import type { Revision } from '../api-client/types.js';

/** Those that are kept, newest first. */
export function revisionsOf(api: ApiClient, stack: string): Promise<Revision[]> {
  return api.get<Revision[]>(`/shoal/v1/stacks/${encodeURIComponent(stack)}/revisions`);
}

/** What was deployed then. */
export async function specOf(api: ApiClient, stack: string, revision: number): Promise<RecordedStack> {
  const { spec } = await api.get<{ spec: RecordedStack }>(`/shoal/v1/stacks/${encodeURIComponent(stack)}/revisions/${revision}`);
  return spec;
}
