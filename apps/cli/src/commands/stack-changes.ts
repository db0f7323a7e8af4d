import { capitalized } from '../lists/short.js';

/** One thing that a deploy changes: `{action: 'update', kind: 'service', name: 'demo_web', detail: 'replicas 5 → 8'}`. */
export interface StackChange {
  action: string;
  kind: string;
  name: string;
  detail?: string;
  fields?: { field: string; before?: string; after?: string; restarts: boolean }[];
  /** Absent: the change is made in place. */
  replacedTasks?: number;
}

/** `Creating service demo_web`, `Updating service demo_web: replicas 5 → 8`; `nothing changed`. */
export function changeLines(changes: StackChange[]): string[] {
  if (changes.length === 0) return ['nothing changed'];
  return changes.map(({ action, kind, name, detail }) => `${progressive(action)} ${kind} ${name}${detail ? `: ${detail}` : ''}`);
}

/** `      replicas: 5 → 8` for each field. */
export function fieldLines({ fields = [] }: StackChange): string[] {
  return fields.filter(({ before, after }) => before !== undefined || after !== undefined).map(({ field, before = '(none)', after = '(none)' }) => `      ${field}: ${before} → ${after}`);
}

/** `create` → `Creating`. */
function progressive(verb: string): string {
  return `${capitalized(verb).replace(/e$/, '')}ing`;
}
