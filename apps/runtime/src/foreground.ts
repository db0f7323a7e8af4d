import type { Launcher } from '../../../libs/runtime/src/oci/launcher.js';

/** What reaches us is meant for the process in front; the rest is between it and the kernel. */
const forwarded = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGCONT'] as const;

/** Waits for the end of a process in the foreground: its exit status, or 128 and its signal. */
export async function waitInForeground(launcher: Launcher): Promise<number> {
  const { pid } = await launcher.until('state');
  for (const signal of forwarded) process.on(signal, () => forward(pid, signal));
  const { waitStatus } = await launcher.until('exited');
  const signal = waitStatus & 0x7f;
  return signal === 0 ? (waitStatus >> 8) & 0xff : 128 + signal;
}

function forward(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended, which is on its way here.
  }
}
