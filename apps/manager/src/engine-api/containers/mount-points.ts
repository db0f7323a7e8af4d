import type { Mount } from '../../../../../libs/model/src/index.js';
import { omitEmpty, type Json } from '../json-output.js';

/** The mounts of a container as Docker's `MountPoint`s. A tmpfs is none. */
export function mountPointsTo(mounts: readonly Mount[]): Json[] {
  return mounts.filter(({ type }) => type !== 'tmpfs').map((mount) => ({
    Type: mount.type,
    ...omitEmpty({ Name: mount.type === 'volume' ? mount.source : '', Driver: mount.type === 'volume' ? 'local' : '' }),
    Source: mount.type === 'bind' ? mount.source : '',
    Destination: mount.target,
    Mode: '',
    RW: !mount.readOnly,
    Propagation: mount.type === 'bind' ? (mount.propagation ?? 'rprivate') : '',
  }));
}
