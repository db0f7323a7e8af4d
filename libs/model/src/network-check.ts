/** What a node tells of its network, to show whether it works. */
export interface NetworkFacts {
  /** By kind, how many things others had changed since its agent started, and were put back. */
  drift: Record<string, number>;
  /** Longest packet of a container, in bytes. */
  mtu: number;
  /** To every other node that it knows, by each family. Empty unless they were asked for. */
  probes: PeerProbe[];
}

/** Packets to another node through the tunnel, and back. */
export interface PeerProbe {
  nodeId: string;
  family: 4 | 6;
  small: ProbeCount;
  /** As long as the longest of a container, and not to be split. */
  full: ProbeCount;
}

export interface ProbeCount {
  sent: number;
  received: number;
  /** There and back; 0 when none came back. */
  meanMs: number;
}
