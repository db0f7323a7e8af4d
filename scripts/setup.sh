#!/usr/bin/env bash
# Makes a fresh clone ready to run: Debian packages, npm packages, the build, the sample images.
# Every step is skipped when its inputs have not changed. Arguments go to deploy/prerequisites.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

node scripts/require-node.cjs
bash deploy/prerequisites.sh "$@"

# $1: name of a step, $2: digest of its inputs, the rest: the command. Runs it unless it was run with these inputs.
step() {
  local name=$1 digest=$2 stamp=dist/.done-$1
  shift 2
  if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$digest" ]; then
    echo "setup: $name is up to date"
    return
  fi
  echo "setup: $name"
  "$@"
  mkdir -p dist
  echo "$digest" >"$stamp"
}

digest_of() {
  find "$@" -type f -not -path '*/node_modules/*' -not -path '*/generated/*' -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

[ -d node_modules/typescript7 ] || rm -f dist/.done-packages
step packages "$(sha256sum package-lock.json | cut -d' ' -f1)" npm ci --no-audit --no-fund --loglevel=error
step build "$(digest_of apps libs proto scripts e2e bench package-lock.json tsconfig.json)" node scripts/build.mjs
step images "$(digest_of deploy/images)" node deploy/images/build.mjs dist/images
