/** One connection or datagram, and what comes back: an address that was seen, `refused`, `silence`, or `no name`. */
export interface Question {
  id: string;
  protocol: 'tcp' | 'udp';
  family: 4 | 6;
  address: string;
  port: number;
  /** Looked up at the place that asks, instead of `address`. */
  name?: string;
}
