import type { ComposeConfig } from './compose-config.js';

/** A service that names profiles is there only when one of them is active; `*` makes all active. */
export function selectProfiles(config: ComposeConfig, active: readonly string[]): ComposeConfig {
  const isActive = ([, { profiles = [] }]: [string, { profiles?: string[] }]): boolean =>
    profiles.length === 0 || active.includes('*') || profiles.some((profile) => active.includes(profile));
  const all = [...config.services];
  return {
    ...config,
    services: new Map(all.filter(isActive)),
    inactive: new Map(all.filter((entry) => !isActive(entry)).map(([name, { profiles = [] }]) => [name, profiles])),
  };
}
