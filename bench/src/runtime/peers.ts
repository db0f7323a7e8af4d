import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * Times `<runtime> run` of the bundle, each from before the fork to after the exit, in a shell's loop. In a mount namespace of its own: an overlay
 * is the root, and the empty tree of cgroup v2 beside those of v1, which crun 1.8 refuses, is not there.
 */
export function timeRuntime(runtime: 'crun' | 'runc', bundle: string, layers: { lower: string; writable: string }, count: number): number[] {
  const script = `set -eu
    mount --make-rprivate /
    if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
    mount -t overlay overlay -o "lowerdir=${layers.lower},upperdir=${layers.writable}/upper,workdir=${layers.writable}/work" ${join(bundle, 'rootfs')}
    mkdir -p /run/shoal-bench
    mount -t tmpfs shoal-bench /run/shoal-bench
    cd ${bundle}
    for number in $(seq ${count}); do
      began=$EPOCHREALTIME
      ${runtime} --root /run/shoal-bench/${runtime} run "shoal-bench-$number"
      ended=$EPOCHREALTIME
      echo $(( \${ended/./} - \${began/./} ))
    done
    umount /run/shoal-bench
    rmdir /run/shoal-bench`;
  const output = execFileSync('unshare', ['--mount', 'bash', '-c', script], { encoding: 'utf8', timeout: 120_000 });
  return output.trim().split('\n').map((microseconds) => Number(microseconds) / 1000);
}
