import type { ComposeConfig, Extended } from './compose-config.js';
import { fileObjectKind, networkKind, serviceKind, volumeKind } from './compose-config.js';
import type { Kind } from './fields/kind.js';
import { printMap } from './fields/kind.js';
import { extensions } from './fields/mappings.js';
import { emitYaml } from './yaml/emitter.js';
import type { Printable } from './yaml/emitter.js';

/** The configuration as YAML, the same document that `docker stack config` prints for the same files. */
export function renderConfig(config: ComposeConfig): string {
  const document = new Map<string, Printable>([
    ['version', config.version],
    ...(config.name === undefined ? [] : [['name', config.name] as [string, Printable]]),
    ['services', printMap(config.services, (service) => printed(serviceKind, service))],
  ]);
  const sections: [string, Map<string, Printable>][] = [
    ['networks', printMap(config.networks, (network) => printed(networkKind, network))],
    ['volumes', printMap(config.volumes, (volume) => printed(volumeKind, volume))],
    ['secrets', printMap(config.secrets, (secret) => printed(fileObjectKind, secret))],
    ['configs', printMap(config.configs, (file) => printed(fileObjectKind, file))],
  ];
  for (const [name, section] of sections) if (section.size > 0) document.set(name, section);
  const extra = config.extensions && extensions.print(config.extensions);
  if (extra instanceof Map) for (const [key, value] of extra) document.set(key, value);
  return emitYaml(document);
}

function printed<T extends Extended>(kind: Kind<T>, value: T): Printable {
  return kind.print(value) ?? new Map<string, Printable>();
}
