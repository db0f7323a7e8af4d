#!/usr/bin/env bash
# npm run cluster -- up|down|status: a whole cluster on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "${1:-}" = up ] && bash scripts/setup.sh
[ -e dist/cluster/cluster.cjs ] || bash scripts/setup.sh
exec env -u NODE_EXTRA_CA_CERTS node dist/cluster/cluster.cjs "$@"
