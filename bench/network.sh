#!/usr/bin/env bash
# Measures the network beside its marks: what the work on one node costs, what connections cost, and how soon a change is in
# force on twenty nodes. Arguments: the parts to run (default: all). On a busy machine only the ratios mean much.
set -euo pipefail
cd "$(dirname "$0")/.."
unset NODE_EXTRA_CA_CERTS
built=node_modules/.cache/bench-network-$$
trap 'rm -rf "$built"' EXIT
mkdir -p "$built"
[ $# -gt 0 ] || set -- nodes-work paths convergence
for program in "$@"; do
  node_modules/.bin/esbuild "bench/src/network/$program.ts" --bundle --platform=node --format=esm --packages=external --log-level=warning --outfile="$built/$program.mjs"
  echo "== $program (load $(cut -d' ' -f1 /proc/loadavg))"
  case $program in
    convergence) timeout 1800 node "$built/$program.mjs" ;; # makes its own hosts
    *) timeout 900 unshare --net --mount --propagation private node "$built/$program.mjs" ;;
  esac
done
