import type { ApiClient } from '../api-client/client.js';
import type { Session } from '../session.js';
import { pathOf } from './containers.js';
import { findTarget } from './target.js';

/** A path in a container. */
export interface RemotePath {
  id: string;
  path: string;
}

/** `CONTAINER:PATH`, or undefined for a path of this machine: one that begins with `/`, `.` or `-` never names a container. */
export function containerPath(argument: string): { resolve(session: Session): Promise<RemotePath> } | undefined {
  const colon = argument.indexOf(':');
  if (colon <= 0 || /^[/.-]/.test(argument)) return undefined;
  const [target, path] = [argument.slice(0, colon), argument.slice(colon + 1)];
  return {
    async resolve(session) {
      const { Id } = await findTarget(session, target);
      return { id: Id, path: path.startsWith('/') ? path : `/${path}` };
    },
  };
}

export interface PathStat {
  isDirectory: boolean;
  isLink: boolean;
  linkTarget: string;
}

/** What stands at a path of a container; undefined: nothing. Modes are Go's `os.FileMode`. */
export async function statPath(api: ApiClient, { id, path }: RemotePath): Promise<PathStat | undefined> {
  const headers = await api.head(pathOf(id, 'archive'), { query: { path } });
  const header = headers?.['x-docker-container-path-stat'];
  if (typeof header !== 'string') return undefined;
  const { mode, linkTarget } = JSON.parse(Buffer.from(header, 'base64').toString('utf8')) as { mode: number; linkTarget: string };
  return { isDirectory: (mode & 0x8000_0000) !== 0, isLink: (mode & 0x0800_0000) !== 0, linkTarget };
}
