#!/usr/bin/env bash
# Measures the network beside its marks, in network namespaces of its own: what the work on a node costs, what connections
# cost, and how soon a change is in force on twenty nodes. Arguments: the parts to run (default: all).
set -euo pipefail
cd "$(dirname "$0")/.."
unset NODE_EXTRA_CA_CERTS
built=node_modules/.cache/bench-network-$$
trap 'rm -rf "$built"' EXIT
mkdir -p "$built"
for part in "${@:-nodes-work}"; do
  for program in $part; do
    node_modules/.bin/esbuild "bench/src/network/$program.ts" --bundle --platform=node --format=esm --packages=external --log-level=warning --outfile="$built/$program.mjs"
    echo "== $program (load $(cut -d' ' -f1 /proc/loadavg))"
    timeout 900 unshare --net --mount --propagation private node "$built/$program.mjs"
  done
done
