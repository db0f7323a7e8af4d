import { serviceKind } from './compose-config.js';
import type { ComposeConfig, Service } from './compose-config.js';
import { unmergeable } from './fields/mappings.js';
import type { Findings } from './problems.js';
import { without } from './taken-away.js';

/**
 * Later files change earlier ones: services key by key (the tables say how), networks, volumes, secrets and configs
 * as a whole; version and top-level extension fields are those of the first file.
 */
export function mergeConfigs(configs: ComposeConfig[], findings: Findings): ComposeConfig {
  return configs.slice(1).reduce((base, override) => mergeTwo(base, override, findings), configs[0] as ComposeConfig);
}

function mergeTwo(before: ComposeConfig, override: ComposeConfig, findings: Findings): ComposeConfig {
  const base = override.takenAway.reduce(without<ComposeConfig>, before);
  return {
    ...base,
    ...(override.name === undefined ? {} : { name: override.name }),
    services: mergeServices(base.services, override.services, findings),
    networks: new Map([...base.networks, ...override.networks]),
    volumes: new Map([...base.volumes, ...override.volumes]),
    secrets: new Map([...base.secrets, ...override.secrets]),
    configs: new Map([...base.configs, ...override.configs]),
    envFiles: [...base.envFiles, ...override.envFiles],
    sourceFiles: [...base.sourceFiles, ...override.sourceFiles],
    positions: new Map([...base.positions, ...override.positions]),
  };
}

function mergeServices(base: Map<string, Service>, override: Map<string, Service>, findings: Findings): Map<string, Service> {
  const merged = new Map(base);
  for (const [name, service] of override) {
    const earlier = base.get(name);
    if (earlier) rejectUnmergeable(name, earlier, service, findings);
    merged.set(name, earlier ? (serviceKind.merge(earlier, service) as Service) : service);
  }
  return merged;
}

function rejectUnmergeable(name: string, base: Service, override: Service, findings: Findings): void {
  const found = unmergeable(base.extensions ?? new Map(), override.extensions ?? new Map());
  if (found) findings.problem(found.value.at, `services.${name}.${found.key}`, 'a list cannot be merged into what is not a list in an earlier file');
}
