#!/usr/bin/env bash
# Measures this cluster side by side with Docker Swarm on the same machine, in one run, and prints a table.
# Needs Debian's docker.io as the peer: apt-get install docker.io iptables. Arguments: [--rounds N] [--replicas N].
set -euo pipefail
cd "$(dirname "$0")/.."
for program in dockerd containerd iptables skopeo; do
  command -v "$program" >/dev/null || { echo "bench: $program is missing: apt-get install docker.io iptables skopeo" >&2; exit 1; }
done
bash scripts/setup.sh
unset NODE_EXTRA_CA_CERTS
exec node dist/bench/main.cjs "$@"
