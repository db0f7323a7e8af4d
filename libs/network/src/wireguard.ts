import type { WireChange, WireStatus } from './wireguard-config.js';

/** One WireGuard device of the mesh, whoever does the work: the kernel or a process. */
export interface WireDevice {
  /** Makes it, or adopts it as it is. */
  ensure(mtu: number): Promise<void>;
  read(): Promise<WireStatus>;
  set(change: WireChange): Promise<void>;
  remove(): Promise<void>;
}
