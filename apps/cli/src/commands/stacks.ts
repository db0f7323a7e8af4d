import { stackLabel } from '../../../../libs/model/src/index.js';
import type { ApiClient } from '../api-client/client.js';
import type { Filters } from '../api-client/filters.js';
import type { Service } from '../api-client/types.js';
import { badUsage, exitStatus, Failure } from '../exit-status.js';
import { didYouMean } from '../output/suggest.js';

/** Names of all stacks that have a service. */
export async function stackNames(api: ApiClient): Promise<string[]> {
  const services = (await api.get<Service[] | null>('/services', { filters: { label: [stackLabel] } })) ?? [];
  return [...new Set(services.map((service) => service.Spec.Labels?.[stackLabel] ?? ''))].filter(Boolean);
}

/** `nothing found in stack: vtoe. Did you mean vote?` */
export async function nothingFound(api: ApiClient, stack: string): Promise<Failure> {
  const suggestion = didYouMean(stack, await stackNames(api));
  return new Failure(exitStatus.failed, `nothing found in stack: ${stack}${suggestion && `.${suggestion}`}`);
}

export function mergeFilters(a: Filters, b: Filters): Filters {
  const merged: Filters = { ...a };
  for (const [key, values] of Object.entries(b)) merged[key] = [...(merged[key] ?? []), ...values];
  return merged;
}

/** The names docker allows, minus the ones that could not be part of a service's name. */
export function checkStackName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(name)) return;
  throw badUsage(`invalid stack name: "${name}": use letters, digits, "_" and "-", beginning with a letter or digit`);
}
