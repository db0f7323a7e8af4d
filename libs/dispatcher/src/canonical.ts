/** JSON with sorted keys: equal text for equal values. Remembered per object, since items never change once they are made. */
export function canonical(value: object): string {
  let text = remembered.get(value);
  if (text === undefined) remembered.set(value, (text = JSON.stringify(value, sortKeys)));
  return text;
}

const remembered = new WeakMap<object, string>();

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
