import { sameJson } from '../../base/src/index.js';
import type { AssignmentItem, AssignmentSet } from '../../model/src/index.js';

export interface AssignmentDifference {
  put: AssignmentItem[];
  remove: Pick<AssignmentItem, 'kind' | 'key'>[];
}

/** What makes `wanted` out of `sent`. Compares by value; the same object is equal without a look inside. */
export function diffAssignments(sent: AssignmentSet, wanted: AssignmentSet): AssignmentDifference {
  const put: AssignmentItem[] = [];
  for (const [key, item] of wanted) {
    const before = sent.get(key);
    if (!before || !isSame(before, item)) put.push(item);
  }
  const remove: AssignmentDifference['remove'] = [];
  for (const [itemKey, { kind, key }] of sent) if (!wanted.has(itemKey)) remove.push({ kind, key });
  return { put, remove };
}

function isSame(a: AssignmentItem, b: AssignmentItem): boolean {
  return a === b || a.value === b.value || sameJson(a.value, b.value);
}
