/** What the etcd side of the store tells its owner: for logs and metrics. */
export type EtcdEvent =
  | { event: 'store-loaded'; keys: number; revision: number; changes: number; durationMs: number }
  | { event: 'store-watch-lost'; error: string; retryMs: number }
  /** etcd's revisions went back or its cluster id changed: another or a restored etcd. */
  | { event: 'store-replaced'; clusterId: string; revision: number }
  /** The view and etcd differed although every event had been applied. */
  | { event: 'store-audit-mismatch'; keys: string[] }
  | { event: 'store-audit-failed'; error: string }
  | { event: 'store-commit-retried'; reason: string }
  | { event: 'store-commit-resolved'; outcome: 'committed' | 'not-committed' | 'unknown'; error: string }
  | { event: 'etcd-started'; pid: number; adopted: boolean }
  | { event: 'etcd-ready'; pid: number; durationMs: number }
  | { event: 'etcd-exited'; pid: number; status: string; restartMs: number | undefined; lastLines: string[] };
