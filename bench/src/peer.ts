/** One side of the comparison: an orchestrator of one node, spoken to by the real docker CLI. */
export interface Peer {
  name: string;
  socket: string;
  /** Pids of every daemon and every per-container monitor, but not of the containers. */
  daemons(): Promise<number[]>;
  stop(): Promise<void>;
}
