#!/usr/bin/env bash
# Measures the whole control plane: real etcd, the built manager, gRPC over mTLS, thousands of simulated agents in one other process.
# Arguments: [--tasks N] [--nodes N] [--services N] [--rounds N] [--networks] [--profile FILE].
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh
unset NODE_EXTRA_CA_CERTS
ulimit -n "$(ulimit -Hn)"
exec node dist/bench-control-plane/main.cjs "$@"
