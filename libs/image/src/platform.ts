import { Refused } from '../../base/src/index.js';
import { normalArchitecture } from '../../model/src/index.js';
import type { Descriptor, Index } from './manifest.js';

export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

/** The platform of this machine in the words of the image spec (GOOS, GOARCH). */
export function hostPlatform(): Platform {
  const architecture = normalArchitecture(process.arch);
  return { os: 'linux', architecture, ...(architecture === 'arm64' ? { variant: 'v8' } : architecture === 'arm' ? { variant: 'v7' } : {}) };
}

/** The entry of an index that runs on `wanted`; the best variant first. Throws `Refused('not-found')` naming what there is. */
export function choosePlatform(index: Index, wanted: Platform): Descriptor {
  // BuildKit stores attestations as entries for the platform unknown/unknown.
  const entries = index.manifests.filter((entry) => entry.platform?.architecture !== 'unknown' && entry.platform?.os !== 'unknown');
  const ranked = entries
    .map((entry) => ({ entry, rank: platformRank(entry.platform, wanted) }))
    .filter((candidate) => candidate.rank >= 0)
    .sort((a, b) => b.rank - a.rank);
  const best = ranked[0]?.entry ?? (entries.length === 1 && entries[0]!.platform === undefined ? entries[0] : undefined);
  if (best) return best;
  const offered = entries.map((entry) => platformName(entry.platform)).join(', ') || 'nothing';
  throw new Refused('not-found', `it has no build for ${platformName(wanted)}; there is ${offered}`);
}

/** -1: does not run; else higher is better. */
function platformRank(offered: Partial<Platform> | undefined, wanted: Platform): number {
  if (offered?.os !== wanted.os || offered.architecture !== wanted.architecture) return -1;
  const level = variantLevel(offered, wanted);
  const most = variantLevel(wanted, wanted);
  return level <= most ? level : -1;
}

/** v8 runs v7, v6, v5; an absent variant is the platform's ordinary one. */
function variantLevel(platform: Partial<Platform>, wanted: Platform): number {
  const usual = wanted.architecture === 'arm64' ? 8 : wanted.architecture === 'arm' ? 7 : 1;
  return platform.variant ? Number(platform.variant.replace(/^v/, '')) || 0 : usual;
}

function platformName(platform: Partial<Platform> | undefined): string {
  if (!platform) return 'an unnamed platform';
  return [platform.os, platform.architecture, platform.variant].filter(Boolean).join('/');
}
