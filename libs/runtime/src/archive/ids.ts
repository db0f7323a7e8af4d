import type { IdMap, IdRange } from '../container-config.js';

interface Owner {
  uid: number;
  gid: number;
}

/**
 * Who something belongs to, as the container sees it, whose ids may be others than the host's (user namespaces). What is outside of
 * its ranges is the image's or a volume's own and no mapped one: it is what it says.
 */
export function ownerInside<T extends Owner>(map: IdMap | undefined, owned: T): T {
  return map ? { ...owned, uid: shifted(map.uids, owned.uid, 'hostId', 'containerId'), gid: shifted(map.gids, owned.gid, 'hostId', 'containerId') } : owned;
}

/** The host's number for an owner that the container knows. */
export function ownerOutside({ uid, gid }: Owner, map: IdMap | undefined): Owner {
  return map ? { uid: shifted(map.uids, uid, 'containerId', 'hostId'), gid: shifted(map.gids, gid, 'containerId', 'hostId') } : { uid, gid };
}

function shifted(ranges: readonly IdRange[], id: number, from: 'hostId' | 'containerId', to: 'hostId' | 'containerId'): number {
  const range = ranges.find((each) => id >= each[from] && id < each[from] + each.size);
  return range ? id - range[from] + range[to] : id;
}
