import { capitalized } from '../lists/short.js';

/** One thing that a deploy changes: `{action: 'update', kind: 'service', name: 'demo_web', detail: 'replicas 5 → 8'}`. */
export interface StackChange {
  action: string;
  kind: string;
  name: string;
  detail?: string;
}

/** `Creating service demo_web`, `Updating service demo_web: replicas 5 → 8`; `nothing changed`. */
export function changeLines(changes: StackChange[], dryRun: boolean): string[] {
  if (changes.length === 0) return [dryRun ? 'nothing would change' : 'nothing changed'];
  return changes.map(({ action, kind, name, detail }) => {
    const verb = dryRun ? `Would ${action}` : progressive(action);
    return `${verb} ${kind} ${name}${detail ? `: ${detail}` : ''}`;
  });
}

/** `create` → `Creating`. */
function progressive(verb: string): string {
  return `${capitalized(verb).replace(/e$/, '')}ing`;
}
