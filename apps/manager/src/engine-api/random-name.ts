import type { Random } from '../../../../libs/base/src/index.js';

const adjectives = ['amber', 'brisk', 'calm', 'clever', 'eager', 'gentle', 'lively', 'mellow', 'nimble', 'quiet', 'silver', 'swift', 'tidal', 'vivid', 'warm'];
const fish = ['anchovy', 'bream', 'carp', 'dace', 'eel', 'goby', 'halibut', 'lamprey', 'mullet', 'perch', 'roach', 'salmon', 'tench', 'turbot', 'wrasse'];

/** A name for a service whose author gave none. */
export function randomName(random: Random): string {
  const digits = random.below(10_000).toString().padStart(4, '0');
  return `${adjectives[random.below(adjectives.length)]}_${fish[random.below(fish.length)]}_${digits}`;
}
