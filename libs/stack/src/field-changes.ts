import type { Facts } from './service-facts.js';

/** One field of an object, before and after; absent: not there. */
export interface FieldChange {
  /** In the words of a compose file: `environment.LOG_LEVEL`. */
  field: string;
  before?: string;
  after?: string;
  /** This field is a reason to replace tasks. */
  restarts: boolean;
}

export function changedFields(before: Facts, after: Facts): FieldChange[] {
  const fields = [...new Set([...before.keys(), ...after.keys()])].sort();
  return fields.flatMap((field): FieldChange[] => {
    const old = before.get(field);
    const fresh = after.get(field);
    if (old?.text === fresh?.text) return [];
    return [{ field, ...(old ? { before: old.text } : {}), ...(fresh ? { after: fresh.text } : {}), restarts: (old ?? fresh)!.inTask }];
  });
}
