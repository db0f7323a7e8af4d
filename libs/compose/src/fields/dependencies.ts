import type { Printable } from '../yaml/emitter.js';
import type { Kind } from './kind.js';
import { struct, within, wrongKind } from './kind.js';
import { strings } from './lists.js';
import { optionalFlag, text } from './scalars.js';

const settings = struct({ condition: text, restart: optionalFlag, required: optionalFlag });

/** Only `service` is set for an item of the short form. */
export interface ComposeDependency {
  service: string;
  condition?: string;
  restart?: boolean;
  required?: boolean;
}

/** `depends_on`: a list of services, or a mapping with what is waited for. */
export const dependencies: Kind<ComposeDependency[]> = {
  decode(value, context) {
    if (value.kind === 'list') return strings.decode(value, context)?.map((service) => ({ service }));
    if (value.kind !== 'map') return wrongKind(value, context, 'a list or a mapping');
    return [...value.entries].map(([service, entry]) => ({ service, ...settings.decode(entry.value, within(context, service)) }));
  },
  /** Lists are appended; with a mapping the later file's settings change those of the same service. */
  merge(base, override) {
    if ([...base, ...override].every(isShort)) return [...base, ...override];
    const merged = new Map<string, ComposeDependency>();
    for (const dependency of [...base, ...override]) merged.set(dependency.service, { ...merged.get(dependency.service), ...dependency });
    return [...merged.values()];
  },
  print(value) {
    if (value.length === 0) return undefined;
    if (value.every(isShort)) return value.map(({ service }) => service);
    return new Map(value.map(({ service, condition = 'service_started', ...rest }) => [service, settings.print({ condition, ...rest }) as Printable]));
  },
};

export function isShort({ condition, restart, required }: ComposeDependency): boolean {
  return condition === undefined && restart === undefined && required === undefined;
}
