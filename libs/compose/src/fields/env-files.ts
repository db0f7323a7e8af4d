import type { Kind } from './kind.js';
import { struct, within } from './kind.js';
import { strings } from './lists.js';
import { optionalFlag, text } from './scalars.js';

/** Of the short form only `path` is set. */
export interface EnvFile {
  path: string;
  /** False: it may be missing. */
  required?: boolean;
  /** `raw`: no quotes. The short form is always so, as with Docker. */
  format?: string;
}

const settings = struct({ path: text, required: optionalFlag, format: text });

/** `env_file`: one file or several, each its name or a mapping. */
export const envFiles: Kind<EnvFile[]> = {
  decode(value, context) {
    if (value.kind === 'string') return [{ path: value.text }];
    if (value.kind !== 'list' || value.items.every(({ kind }) => kind !== 'map')) return strings.decode(value, context)?.map((path) => ({ path }));
    return value.items.map((item, index) => {
      if (item.kind === 'string') return { path: item.text };
      return { path: '', ...settings.decode(item, within(context, index)) };
    });
  },
  merge: (base, override) => [...base, ...override],
  print: (value) => (value.length === 0 ? undefined : value.map((file) => (isShort(file) ? file.path : settings.print(file)!))),
};

export function isShort({ required, format }: EnvFile): boolean {
  return required === undefined && format === undefined;
}
