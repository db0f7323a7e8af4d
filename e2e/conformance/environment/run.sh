#!/usr/bin/env bash
# What a container sees of itself, side by side with Docker on this machine, for nine variants: bash e2e/conformance/environment/run.sh [--all]
# Every difference must be in explained.ts; --all prints what is equal, too. Needs root, Debian's docker.io and musl-tools.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
for program in /usr/sbin/dockerd /usr/bin/docker musl-gcc; do
  command -v "$program" >/dev/null || { echo "environment: $program is missing: apt-get install docker.io musl-tools" >&2; exit 1; }
done
scratch=$(mktemp -d /var/tmp/shoal-environment-XXXXXX)
clean() {
  rm -rf "$scratch"
  # dockerd leaves its parent group
  find /sys/fs/cgroup -depth -type d -path '*/sh-environment*' -exec rmdir {} + 2>/dev/null || true
}
trap clean EXIT
make -s -C "$root/libs/runtime/shim" OUTPUT="$scratch/shoal-shim" >/dev/null
"$root/node_modules/.bin/esbuild" --bundle --platform=node --format=esm --log-level=error --outfile="$scratch/compare.mjs" "$here/compare.ts"
# Mounts and interfaces of the peer's daemon are its own; they go with it.
timeout 300 unshare --mount --net --propagation slave bash -c 'ip link set lo up && exec node "$@"' - "$scratch/compare.mjs" "$scratch" "$here/probe.sh" "$@"
