import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { Cluster } from '../../e2e/harness/cluster.js';
import type { Peer } from './peer.js';

/** Shoal as a cluster of one: manager, etcd and agent on one host. */
export async function startShoal(distDir: string, imageArchive: string): Promise<Peer> {
  const cluster = await Cluster.up({ name: 'bench', prefix: '172.30.81', nodes: 1, distDir, imageArchives: [imageArchive] });
  const host = cluster.manager;
  return {
    name: 'Shoal',
    socket: host.socketPath,
    async daemons() {
      const own = readlinkSync(`/proc/${host.record.holder.pid}/ns/net`);
      return readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name) && name !== String(host.record.holder.pid))
        .filter((pid) => {
          try {
            return readlinkSync(`/proc/${pid}/ns/net`) === own && readFileSync(`/proc/${pid}/comm`, 'utf8') !== '';
          } catch {
            return false; // it ended meanwhile
          }
        })
        .map(Number);
    },
    stop: () => cluster.down(),
  };
}
