import { stackLabel } from '../../../../libs/model/src/index.js';
import { badUsage } from '../exit-status.js';

/** Values of one key are alternatives, different keys must all match (several `label` values too). */
export type Filters = Record<string, string[]>;

/** `-f key=value` as given on the command line, repeated. */
export function parseFilters(given: string[] = []): Filters {
  const filters: Filters = {};
  for (const text of given) {
    const at = text.indexOf('=');
    if (at <= 0) throw badUsage(`bad filter "${text}": write key=value`);
    const key = text.slice(0, at).trim().toLowerCase();
    (filters[key] ??= []).push(text.slice(at + 1).trim());
  }
  return filters;
}

/** The map form that the docker CLI sends: `{"label":{"a=b":true}}`. */
export function filterQuery(filters: Filters): string {
  const entries = Object.entries(filters).map(([key, values]) => [
    key,
    Object.fromEntries(values.map((value) => [value, true])),
  ]);
  return JSON.stringify(Object.fromEntries(entries));
}

export function stackFilter(stack: string): Filters {
  return { label: [`${stackLabel}=${stack}`] };
}
