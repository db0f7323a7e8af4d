import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Folders of containers and namespaces of theirs: the last that goes of each. */
export function containersLeft(runDir: string): number {
  const namespaces = readdirSync(join(runDir, 'agent/network/netns')).filter((name) => name !== 'mesh');
  return namespaces.length + readdirSync(join(runDir, 'agent/containers')).length;
}
