import { readText } from '../cgroup/files.js';
import type { IdRange } from '../container-config.js';
import { hostId } from '../namespaces.js';
import type { OciProcess, OciSpec } from './spec.js';

/** By the map of the running container: its namespace may be another's. */
export function ownerOf(pid: number, { user }: OciProcess, { linux }: OciSpec): { streamsOwner?: readonly [number, number] } {
  if (!linux?.namespaces?.some(({ type }) => type === 'user')) return {};
  const host = (file: string, id: number) => hostId(parseIdMap(readText(`/proc/${pid}/${file}`)), id) ?? 0;
  return { streamsOwner: [host('uid_map', user?.uid ?? 0), host('gid_map', user?.gid ?? 0)] };
}

function parseIdMap(text: string): IdRange[] {
  return text.split('\n').filter(Boolean).map((line) => {
    const [containerId = 0, host = 0, size = 0] = line.trim().split(/\s+/).map(Number);
    return { containerId, hostId: host, size };
  });
}
