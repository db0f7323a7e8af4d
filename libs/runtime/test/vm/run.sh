#!/usr/bin/env bash
# The runtime's kernel tests on a machine with cgroup v2 alone: user-mode Linux, which boots as an ordinary process in two seconds.
#
#   npm run test:vm                         every kernel test of libs/runtime
#   npm run test:vm -- cgroups              the files whose names hold one of the words
#
# Each file gets a machine and a time limit of its own; two run at once. What such a machine lacks is in lacking.json, with the reason.
set -euo pipefail
cd "$(dirname "$0")/../../../.."
here=libs/runtime/test/vm
limit_seconds=${SHOAL_VM_LIMIT:-240}

command -v linux.uml >/dev/null || bash deploy/prerequisites.sh --tests
unset NODE_EXTRA_CA_CERTS

scratch=$(mktemp -d /var/tmp/shoal-vm-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
make -s -C libs/runtime/shim OUTPUT="$scratch/shoal-shim"
# Vite writes into these two whatever it is told; the machine puts memory over them.
mkdir -p node_modules/.vite node_modules/.vite-temp

boot() {
  local name=$1 file=$2
  local machine=$scratch/$name
  mkdir -p "$machine/out" "$machine/uml"
  cat >"$machine/init" <<INIT
#!/bin/sh
export ROOT=$PWD FILE=$file OUT=$machine/out SHOAL_TEST_SHIM=$scratch/shoal-shim
exec sh $PWD/$here/init.sh
INIT
  chmod +x "$machine/init"
  truncate --size 2G "$machine/disk"
  mkfs.ext4 -q -E lazy_itable_init=1,lazy_journal_init=1 "$machine/disk"
  local began=$SECONDS
  timeout --kill-after=5 "$limit_seconds" linux.uml mem=1200M uml_dir="$machine/uml/" ubd0="$machine/disk" root=/dev/root rootfstype=hostfs rootflags=/ ro init="$machine/init" \
    con=null con0=fd:0,fd:1 con1=null ssl=null quiet </dev/null >"$machine/console" 2>&1 || true
  echo "vm: $file: $((SECONDS - began)) s"
  [ -s "$machine/out/report.json" ] || { echo "vm: $file gave no report within $limit_seconds s; the end of its console:"; tail -n 15 "$machine/console"; }
}

machines=()
running=()
for file in libs/runtime/test/*.kernel.test.ts; do
  name=$(basename "$file" .kernel.test.ts)
  if [ $# -gt 0 ]; then
    wanted=no
    for word in "$@"; do [[ $name == *"$word"* ]] && wanted=yes; done
    [ $wanted = yes ] || continue
  fi
  boot "$name" "$file" &
  running+=($!)
  machines+=("$name")
  if [ "${#running[@]}" -ge 2 ]; then
    wait -n || true
    alive=()
    for pid in "${running[@]}"; do kill -0 "$pid" 2>/dev/null && alive+=("$pid"); done
    running=("${alive[@]}")
  fi
done
wait
node $here/summary.mjs $here/lacking.json "$scratch" "${machines[@]}"
