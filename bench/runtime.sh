#!/usr/bin/env bash
# Measures the runtime and the agent beside crun, runc, dockerd and conmon on the same machine, in one run, and prints tables.
# Arguments: [--only shim,starts,thousand] [--rounds N]. Peers come from Debian: apt-get install crun runc docker.io podman iptables skopeo busybox-static.
set -euo pipefail
cd "$(dirname "$0")/.."
for program in crun runc dockerd containerd conmon iptables skopeo busybox; do
  command -v "$program" >/dev/null || { echo "bench:runtime: $program is missing: apt-get install crun runc docker.io podman iptables skopeo busybox-static" >&2; exit 1; }
done
bash scripts/setup.sh
unset NODE_EXTRA_CA_CERTS
exec node dist/bench-runtime/main.cjs "$@"
